// A whole layer as PyTorch has it: all levels, both directions, over a sequence; whole_gradients.h is the way back.
//
// Weights are PyTorch's as they stand: per level and direction W_ih (G·H, ·), W_hh (G·H, H), b_ih and b_hh (G·H).
// What is kept for the way back, per level: h (rows, D·H), then per direction gates (rows, SAVED·H) and c (rows, H).
#pragma once

#include <functional>
#include <memory>

#include "team.h"
#include "whole_forward.h"

namespace bptt::BPTT_ISA {

// That are taken at a time: rows, and products of two numbers, which take half a second where W_R is read for each.
inline constexpr Size ROWS_AT_MOST = 2048, PRODUCTS_AT_MOST = 2'000'000'000;

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
    std::function<void()> pause;        // called by the thread that calls, several times a second; may throw

    Size rows() const { return batch.rows(); }
    // The steps, as many at a time as have so many rows, and do not take long.
    Even parts(Size rows, Size gates, Size level) const {
        const Size products = gates * H * (inputs(level) + H);
        return {batch.T, std::max<Size>(1, std::min(rows, PRODUCTS_AT_MOST / products) / batch.B)};
    }
    Size wide() const { return directions * H; }
    Size inputs(Size level) const { return level ? wide() : I; }
    const Weights<const T>& of(Size level, Size dir) const { return weights[level * directions + dir]; }
    Size place(Size level, Size dir) const { return (level * directions + dir) * batch.B * H; }
    // By how many threads the units are shared.
    Size shares(Size gates) const {
        return directions == 1 && batch.T > CHUNK ? BPTT_ISA::shares(batch.B, gates * H * H * sizeof(T)) : 1;
    }
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

// The pointers to the rows of steps first .. last-1, in their order.
template <class T>
std::vector<T*> listed(const Plane<T>& plane, const Batch& batch, Size first, Size last) {
    std::vector<T*> rows;
    for (Size t = first; t < last; ++t)
        for (Size b = 0; b < batch.alive(t); ++b) rows.push_back(plane.at(batch, t, b));
    return rows;
}

// Calls walk(dir, begin, end, each step) for each thread's share of the sequences in both directions.
template <class Cell, class T, class Walk>
void share_walks(const Whole<T>& whole, double flops, Walk&& walk) {
    const Size B = whole.batch.B;
    if (whole.shares(Cell::GATES) > 1) return walk(0, 0, B, EachStep{true});
    share(whole.directions * B, flops, [&](Size first, Size last) {
        for (Size dir = 0; dir < whole.directions; ++dir) {
            const Size begin = std::max<Size>(first - dir * B, 0), end = std::min(last - dir * B, B);
            if (begin < end) walk(dir, begin, end, EachStep{});
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
    const Size threads = thread_count(), each = rows_of_one(batch.B, threads, D);
    const bool few = D * batch.B < threads && batch.T > 1;
    const Size shares = whole.shares(Cell::GATES);
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
        const bool at_rest = batch.T == 1 && !whole.h0;  // nothing to multiply
        d[dir].W_R = &packed.emplace_back(at_rest ? 0 : H, H, Cell::GATES, each, shares);
        if (!at_rest) pack_gates(packed.back(), w.W_R);
        if (!few) continue;
        // So few sequences that threads share the steps of the drive.
        const Size width = gate_blocks<Cell>() * H;
        if (!d[dir].gates) gates[dir] = scratch<T>(N * width), d[dir].gates = gates[dir].get();
        const auto from = listed(d[dir].x, batch, 0, batch.T);
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
    const Even parts = whole.parts(ROWS_AT_MOST, Cell::GATES, level);
    for (Size part = 0; part < parts.parts; ++part) {
        const Size first = parts.first(part), last = parts.first(part + 1);
        whole.pause();
        const double flops = 2.0 * N * D * Cell::GATES * H * (K + H) / parts.parts;
        share_walks<Cell>(whole, flops, [&](Size dir, Size begin, Size end, EachStep each_step) {
            walk_forward<Cell>(batch, Order{batch.T, dir == 1}, d[dir], H, first, last, begin, end, each_step);
        });
    }
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

}  // namespace bptt::BPTT_ISA
