// A whole layer as PyTorch has it: all levels, both directions, over a sequence, forward and back.
//
// Weights are PyTorch's as they stand: per level and direction W_ih (G·H, ·), W_hh (G·H, H), b_ih and b_hh (G·H).
// What is kept for the way back, per level: h (rows, D·H), then per direction gates (rows, SAVED·H) and c (rows, H).
#pragma once

#include <memory>

#include "outer.h"
#include "team.h"
#include "whole_backward.h"
#include "whole_forward.h"

namespace bptt::BPTT_ISA {

template <class T>
struct Weights {
    T *W_F, *W_R, *b_F, *b_R;  // null: no bias, or no gradient wanted
};

template <class T>
struct Whole {
    Batch batch;
    Size I, H, levels, directions;
    Plane<const T> x;
    const T *h0, *c0;                   // (levels·directions, B, H) or null
    std::vector<Weights<const T>> weights;
    const T* masks;                     // (levels-1, rows, D·H) or null

    Size rows() const { return batch.rows(); }
    Size wide() const { return directions * H; }
    Size inputs(Size level) const { return level ? wide() : I; }
    const Weights<const T>& of(Size level, Size dir) const { return weights[level * directions + dir]; }
    Size place(Size level, Size dir) const { return (level * directions + dir) * batch.B * H; }
};

// What is kept of one level, in numbers.
template <class Cell>
constexpr Size kept_of_level(Size rows, Size H, Size directions) {
    return rows * H * directions * (1 + Cell::SAVED + Cell::CARRIES);
}

template <class T>
struct Kept {
    T *h, *gates, *c;  // of one level and direction; h in rows of D·H
};

template <class Cell, class T>
Kept<T> kept_of(T* saved, Size rows, Size H, Size directions, Size level, Size dir) {
    T* const own = saved + level * kept_of_level<Cell>(rows, H, directions);
    T* const gates = own + rows * directions * H + dir * rows * H * (Cell::SAVED + Cell::CARRIES);
    return {own + dir * H, Cell::SAVED ? gates : nullptr, Cell::CARRIES ? gates + rows * Cell::SAVED * H : nullptr};
}

template <class T>
using Scratch = std::unique_ptr<T[]>;

template <class T>
Scratch<T> scratch(Size n) {
    return Scratch<T>(new T[n]);
}

// The pointers to all rows, in their order.
template <class T>
std::vector<T*> listed(const Plane<T>& plane, const Batch& batch) {
    std::vector<T*> rows;
    rows.reserve(batch.rows());
    for (Size t = 0; t < batch.T; ++t)
        for (Size b = 0; b < batch.alive(t); ++b) rows.push_back(plane.at(batch, t, b));
    return rows;
}

// Calls walk(dir, begin, end) for each thread's share of the sequences in both directions.
template <class Walk>
void share_sequences(Size directions, Size B, double flops, Walk&& walk) {
    share(directions * B, flops, [&](Size first, Size last) {
        for (Size dir = 0; dir < directions; ++dir) {
            const Size begin = std::max<Size>(first - dir * B, 0), end = std::min(last - dir * B, B);
            if (begin < end) walk(dir, begin, end);
        }
    });
}

// out = a ⊙ mask
template <class T>
void masked(const T* a, const T* mask, T* out, Size n) {
    share(n, double(n), [&](Size begin, Size end) {
        for (Size i = begin; i < end; ++i) out[i] = a[i] * mask[i];
    });
}

// A W with rows (G·H, K) as the loop needs it: K numbers times a matrix of G gates.
template <class T>
void pack_gates(Packed<T>& m, const T* W_) {
    share(m.panels.parts, 20.0 * m.K * m.G * m.N, [&](Size begin, Size end) {
        for (Size p = begin; p < end; ++p) m.fill(p, W_, 1, m.K);
    });
}

// The biases of the drive, and a GRU's b_Rn.
template <class Cell, class T>
std::vector<T> biases(const Weights<const T>& w, Size H) {
    std::vector<T> sum((Cell::GATES + Cell::ADDS) * H);
    if (!w.b_F) return sum;
    for (Size j = 0; j < Cell::GATES * H; ++j) {
        const bool apart = Cell::ADDS && j >= 2 * H;  // within the reset of a GRU
        sum[j] = w.b_F[j] + (apart ? T(0) : w.b_R[j]);
        if (apart) sum[H + j] = w.b_R[j];
    }
    return sum;
}

template <class Cell, class T>
void forward_level(const Whole<T>& whole, Size level, Direction<T> (&d)[2]) {
    const Batch& batch = whole.batch;
    const Size H = whole.H, K = whole.inputs(level), N = whole.rows(), D = whole.directions;
    const Size threads = thread_count(), each = (D * batch.B + threads - 1) / threads;
    const bool few = D * batch.B < threads && batch.T > 1;
    std::vector<Packed<T>> packed;
    packed.reserve(2 * D);
    std::vector<T> bias[2];
    Scratch<T> gates[2];
    for (Size dir = 0; dir < D; ++dir) {
        const auto& w = whole.of(level, dir);
        bias[dir] = biases<Cell>(w, H);
        d[dir].bias = bias[dir].data(), d[dir].b_Rn = bias[dir].data() + (Cell::ADDS ? Cell::GATES * H : 0);
        d[dir].W_F = &packed.emplace_back(K, H, Cell::GATES, few ? MOST_ROWS : each * 8);
        pack_gates(packed.back(), w.W_F);
        d[dir].W_R = &packed.emplace_back(H, H, Cell::GATES, each);
        pack_gates(packed.back(), w.W_R);
        if (!few) continue;
        // Fewer sequences than threads: those share the steps of the drive at least.
        const Size width = gate_blocks<Cell>() * H;
        if (!d[dir].gates) gates[dir] = scratch<T>(N * width), d[dir].gates = gates[dir].get();
        const auto from = listed(d[dir].x, batch);
        share(N, 2.0 * N * Cell::GATES * H * K, [&](Size begin, Size end) {
            const Even groups(end - begin, rows_at_once(K, sizeof(T)));
            for (Size i = 0; i < groups.parts; ++i) {
                const Size first = begin + groups.first(i), last = begin + groups.first(i + 1);
                std::vector<T*> to;
                for (Size r = first; r < last; ++r) to.push_back(d[dir].gates + r * width);
                drive(d[dir], {from.begin() + first, from.begin() + last}, to);
            }
        });
        d[dir].driven = true;
    }
    share_sequences(D, batch.B, 2.0 * N * D * Cell::GATES * H * (K + H), [&](Size dir, Size begin, Size end) {
        walk_forward<Cell>(batch, Order{batch.T, dir == 1}, d[dir], H, begin, end);
    });
}

// y: where the states of the top level go; null: nowhere but to h_n. saved: null where no gradient is wanted.
template <class Cell, class T>
void whole_forward(const Whole<T>& whole, const Plane<T>& y, T* h_n, T* c_n, T* saved) {
    const Batch& batch = whole.batch;
    const Size H = whole.H, N = whole.rows(), D = whole.directions, wide = whole.wide();
    Scratch<T> states[2], input;
    Plane<const T> x = whole.x;
    for (Size level = 0; level < whole.levels; ++level) {
        const bool top = level == whole.levels - 1;
        Direction<T> d[2] = {};
        if (!saved && !top) states[level % 2] = scratch<T>(N * wide);
        for (Size dir = 0; dir < D; ++dir) {
            const Size place = whole.place(level, dir);
            d[dir].x = x;
            d[dir].h0 = whole.h0 ? whole.h0 + place : nullptr;
            d[dir].c0 = whole.c0 ? whole.c0 + place : nullptr;
            d[dir].h_n = h_n + place;
            d[dir].c_n = Cell::CARRIES ? c_n + place : nullptr;
            Plane<T> out = y;
            if (out) out.data += dir * H;
            if (saved) {
                const Kept<T> kept = kept_of<Cell>(saved, N, H, D, level, dir);
                d[dir].h = in_line(kept.h, batch, wide);
                d[dir].gates = kept.gates, d[dir].c = kept.c;
                if (top) d[dir].copy = out;
            } else if (!top) {
                d[dir].h = in_line(states[level % 2].get() + dir * H, batch, wide);
            } else {
                d[dir].h = out ? out : in_line(h_n + place, batch, H);
            }
        }
        forward_level<Cell>(whole, level, d);
        if (top) break;
        const T* below = d[0].h.data;
        if (whole.masks) {
            if (!input) input = scratch<T>(N * wide);
            masked(below, whole.masks + level * N * wide, input.get(), N * wide);
            below = input.get();
        }
        x = in_line(below, batch, wide);
    }
}

template <class T>
struct Gradients {
    Plane<const T> dy;
    const T *dh_n, *dc_n;  // null: zeros
    Plane<T> dx;           // not wanted where there is none
    T *dh0, *dc0;          // null: not wanted
    std::vector<Weights<T>> weights;
};

// What comes from behind the last step of one level and direction, copied to where it is changed.
template <class T>
T* carried(const T* from, T* wanted, T* own, Size n) {
    T* const to = wanted ? wanted : own;
    if (from) std::copy_n(from, n, to);
    else std::fill_n(to, n, T(0));
    return to;
}

// Where the error at row m of W_F (PyTorch's order) stands among the errors of a step.
template <class Cell, class Work>
void errors_of_input(Size H, Size begin, Size end, Work&& work) {
    if (!Cell::ADDS) return work(begin, end, Size(0));
    const Size split = std::clamp(2 * H, begin, end);
    if (begin < split) work(begin, split, H);  // r, z
    if (split < end) work(split, end, -2 * H);   // the candidate
}

template <class Cell, class T>
void weight_gradients(const Whole<T>& whole, Size level, Size dir, const T* dz, const Plane<const T>& x,
                      const Plane<const T>& h, const Weights<T>& to) {
    const Batch& batch = whole.batch;
    const Size H = whole.H, K = whole.inputs(level), N = whole.rows(), M = Cell::GATES * H, width = Cell::ERRORS * H;
    if (!to.W_F && !to.W_R && !to.b_F && !to.b_R) return;
    const std::vector<T> zeros(H);
    std::vector<const T*> x_rows = listed(x, batch), h_rows;
    h_rows.reserve(N);
    const T* const h0 = whole.h0 ? whole.h0 + whole.place(level, dir) : nullptr;
    for (Size t = 0; t < batch.T; ++t)
        for (Size b = 0; b < batch.alive(t); ++b) {
            const Size prev = dir ? t + 1 : t - 1;
            const bool first = prev < 0 || prev >= batch.T || b >= batch.alive(prev);
            h_rows.push_back(!first ? h.at(batch, prev, b) : h0 ? h0 + b * H : zeros.data());
        }
    Scratch<T> unwanted;
    if (!to.W_F || !to.W_R) unwanted = scratch<T>(M * std::max(K, H));
    T* const to_F = to.W_F ? to.W_F : unwanted.get();
    T* const to_R = to.W_R ? to.W_R : unwanted.get();
    std::vector<T> sums(2 * M);
    share(M, 2.0 * N * M * (K + H), [&](Size begin, Size end) {
        if (to.W_F || to.b_F) {
            std::fill(to_F + begin * K, to_F + end * K, T(0));
            errors_of_input<Cell>(H, begin, end, [&](Size first, Size last, Size shift) {
                outer(Apart<T>{dz + shift, width}, Listed<T>{x_rows.data()}, N, K, to_F, K, first, last, sums.data());
            });
        }
        if (to.W_R || to.b_R) {
            std::fill(to_R + begin * H, to_R + end * H, T(0));
            outer(Apart<T>{dz + Cell::TO_R * H, width}, Listed<T>{h_rows.data()}, N, H, to_R, H, begin, end,
                  sums.data() + M);
        }
    }, OUTER_HEIGHT);
    if (to.b_F) std::copy_n(sums.data(), M, to.b_F);
    if (to.b_R) std::copy_n(sums.data() + M, M, to.b_R);
}

// dx of one direction, added to what is there already for the second.
template <class Cell, class T>
void input_gradients(const Whole<T>& whole, Size level, const T* W_, const T* dz, const std::vector<T*>& dx,
                     bool add) {
    const Size H = whole.H, K = whole.inputs(level), N = whole.rows(), M = Cell::GATES * H, width = Cell::ERRORS * H;
    Packed<T> packed(M, K, 1, N);
    share(packed.panels.parts, 20.0 * M * K, [&](Size begin, Size end) {
        for (Size p = begin; p < end; ++p)
            errors_of_input<Cell>(H, 0, M, [&](Size first, Size last, Size shift) {
                packed.fill(p, W_ + first * K, K, 1, first + shift, last + shift);
            });
    });
    share(N, 2.0 * N * M * K, [&](Size begin, Size end) {
        const Even groups(end - begin, rows_at_once(M, sizeof(T)));
        std::vector<const T*> rows;
        for (Size i = 0; i < groups.parts; ++i) {
            const Size first = begin + groups.first(i), n = begin + groups.first(i + 1) - first;
            rows.clear();
            for (Size r = 0; r < n; ++r) rows.push_back(dz + (first + r) * width);
            product(packed, rows.data(), n, [&](Size r, Size unit, Size lanes, auto sum) {
                T* const to = dx[first + r] + unit;
                store(to, add ? sum(0) + load(to, lanes) : sum(0), lanes);
            });
        }
    });
}

template <class Cell, class T>
void whole_backward(const Whole<T>& whole, const Gradients<T>& g, const T* saved) {
    const Batch& batch = whole.batch;
    const Size H = whole.H, N = whole.rows(), D = whole.directions, wide = whole.wide(), state = batch.B * H;
    const Size threads = thread_count();
    const Scratch<T> dz = scratch<T>(D * N * Cell::ERRORS * H), own = scratch<T>(2 * D * state);
    Scratch<T> errors, input;
    Plane<const T> dy = g.dy;
    for (Size level = whole.levels; level-- > 0;) {
        std::vector<Packed<T>> packed;
        DirectionBack<T> d[2] = {};
        for (Size dir = 0; dir < D; ++dir) {
            const Size place = whole.place(level, dir);
            const Kept<const T> kept = kept_of<Cell>(saved, N, H, D, level, dir);
            auto& m = packed.emplace_back(Cell::GATES * H, H, 1, (D * batch.B + threads - 1) / threads);
            share(m.panels.parts, 20.0 * m.K * H, [&](Size begin, Size end) {
                for (Size p = begin; p < end; ++p) m.fill(p, whole.of(level, dir).W_R, H, 1);
            });
            const auto at = [place](auto* all) { return all ? all + place : nullptr; };
            d[dir] = {nullptr, dy, in_line(kept.h, batch, wide), at(whole.h0), at(whole.c0), kept.gates, kept.c,
                      carried(at(g.dh_n), at(g.dh0), own.get() + 2 * dir * state, state),
                      carried(at(g.dc_n), at(g.dc0), own.get() + (2 * dir + 1) * state, state),
                      dz.get() + dir * N * Cell::ERRORS * H};
            if (dy) d[dir].dy.data += dir * H;
        }
        for (Size dir = 0; dir < D; ++dir) d[dir].W_R = &packed[dir];
        share_sequences(D, batch.B, 2.0 * N * D * Cell::GATES * H * H, [&](Size dir, Size begin, Size end) {
            walk_backward<Cell>(batch, Order{batch.T, dir == 1}, d[dir], H, begin, end);
        });
        Plane<const T> x = whole.x;
        const T* const mask = level && whole.masks ? whole.masks + (level - 1) * N * wide : nullptr;
        if (level) {
            const T* below = kept_of<Cell>(saved, N, H, D, level - 1, 0).h;
            if (mask) {
                if (!input) input = scratch<T>(N * wide);
                masked(below, mask, input.get(), N * wide);
                below = input.get();
            }
            x = in_line(below, batch, wide);
        }
        for (Size dir = 0; dir < D; ++dir)
            weight_gradients<Cell>(whole, level, dir, d[dir].dz, x, d[dir].h, g.weights[level * D + dir]);
        if (!level && !g.dx) break;
        if (level && !errors) errors = scratch<T>(N * wide);
        const Plane<T> dx = level ? in_line(errors.get(), batch, wide) : g.dx;
        const std::vector<T*> dx_rows = listed(dx, batch);
        for (Size dir = 0; dir < D; ++dir)
            input_gradients<Cell>(whole, level, whole.of(level, dir).W_F, d[dir].dz, dx_rows, dir > 0);
        if (mask) masked(errors.get(), mask, errors.get(), N * wide);
        if (level) dy = in_line<const T>(errors.get(), batch, wide);
    }
}

}  // namespace bptt::BPTT_ISA
