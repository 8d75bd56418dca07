// The gradients of a whole layer: all levels, both directions.
//
// The way back goes by a few steps at a time: their errors dz are in cache when they meet x, h and W_F, and dz of all
// steps is never in memory at once. Sums over rows are taken in one order whoever takes them.
#pragma once

#include "outer.h"
#include "whole_backward.h"
#include "whole_layer.h"

namespace bptt::BPTT_ISA {

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

// A GRU's errors at what W_F multiplies: the candidate's come first, and are its last rows.
template <class Cell>
constexpr Size turn(Size H) { return Cell::ADDS ? 2 * H : 0; }

// How many rows to take back at a time: a megabyte of errors, and not so few that dW is loaded for little.
inline Size rows_taken_back(Size numbers, Size bytes) {
    return std::clamp<Size>((1 << 20) / (numbers * bytes), 512, ROWS_AT_MOST);
}

// One direction of one level.
template <class Cell, class T>
class WayBack {
public:
    WayBack(const Whole<T>& whole, const Gradients<T>& g, const T* saved, Size level, Size dir, Plane<const T> dy)
        : whole_(whole), level_(level), dir_(dir), H_(whole.H), K_(whole.inputs(level)),
          to_(g.weights[level * whole.directions + dir]), own_(scratch<T>(2 * whole.batch.B * whole.H)),
          W_R_(Cell::GATES * H_, whole.batch.T == 1 && !g.dh0 ? 0 : H_, 1,
               rows_of_one(whole.batch.B, thread_count(), whole.directions), whole.shares(Cell::GATES)) {
        const Size place = whole.place(level, dir), state = whole.batch.B * H_;
        const auto at = [place](auto* all) { return all ? all + place : nullptr; };
        const Kept<const T> kept = kept_of<Cell>(saved, whole.rows(), H_, whole.directions, level, dir);
        share(W_R_.panels.parts, 20.0 * W_R_.K * H_, [&](Size begin, Size end) {
            for (Size p = begin; p < end; ++p) W_R_.fill(p, whole.of(level, dir).W_R, H_, 1);
        });
        walk = {&W_R_, dy, in_line(kept.h, whole.batch, whole.wide()), at(whole.h0), at(whole.c0), kept.gates, kept.c,
                carried(at(g.dh_n), at(g.dh0), own_.get(), state),
                carried(at(g.dc_n), at(g.dc0), own_.get() + state, state), nullptr};
        if (dy) walk.dy.data += dir * H_;
        if (!to_.W_F || !to_.W_R) unwanted_ = scratch<T>(Cell::GATES * H_ * std::max(K_, H_));
        if (to_.W_F || to_.b_F) dW_F_ = to_.W_F ? to_.W_F : unwanted_.get();
        if (to_.W_R || to_.b_R) dW_R_ = to_.W_R ? to_.W_R : unwanted_.get();
        if (dW_F_) std::fill_n(dW_F_, Cell::GATES * H_ * K_, T(0));
        if (dW_R_) std::fill_n(dW_R_, Cell::GATES * H_ * H_, T(0));
        sums_.resize(Cell::ERRORS * H_);
    }

    Order order() const { return {whole_.batch.T, dir_ == 1}; }

    // Adds to the gradients of the weights what the steps t = first .. last-1 give.
    void add_weights(const Plane<const T>& x, Size first, Size last) {
        if (!dW_F_ && !dW_R_) return;
        const Size H = H_, errors = Cell::ERRORS * H, gates = Cell::GATES * H;
        const bool at_rest = whole_.batch.T == 1 && !whole_.h0;  // dW_R is zero
        const auto x_rows = listed(x, whole_.batch, first, last), h_rows = states_before(first, last);
        const Right<T, Listed<T>> rights[] = {
            {{x_rows.data()}, K_, dW_F_, K_, 0, gates, turn<Cell>(H)},
            {{h_rows.data()}, H, at_rest ? nullptr : dW_R_, H, Cell::TO_R * H, Cell::TO_R * H + gates},
        };
        const Size rows = Size(x_rows.size()), total = gates * (K_ + H);
        // By what the columns of dz cost, which is not the same for all of a GRU's.
        const auto column = [&](Size cost) {
            const Size alone = Cell::TO_R * H * K_, both = (gates - Cell::TO_R * H) * (K_ + H);
            if (cost == total) return errors;
            const Size at = cost < alone ? cost / K_
                            : cost < alone + both ? Cell::TO_R * H + (cost - alone) / (K_ + H)
                                                  : gates + (cost - alone - both) / H;
            return at / OUTER_HEIGHT * OUTER_HEIGHT;
        };
        share(total, 2.0 * rows * total, [&](Size begin, Size end) {
            outer(Apart<T>{walk.dz, errors}, rights, rows, H, column(begin), column(end), sums_.data());
        });
    }

    void finish_biases() const {
        const Size H = H_, gates = Cell::GATES * H, turned = turn<Cell>(H);
        for (Size m = 0; to_.b_F && m < gates; ++m) to_.b_F[(m + turned) % gates] = sums_[m];
        if (to_.b_R) std::copy_n(sums_.data() + Cell::TO_R * H, gates, to_.b_R);
    }

    // dx of the rows at `dx`, added to what is there already where another direction adds to it too.
    void input_errors(const std::vector<T*>& dx, bool add) {
        const Size H = H_, gates = Cell::GATES * H, errors = Cell::ERRORS * H, N = Size(dx.size());
        if (!W_F_) pack_inputs(N);
        share(N, 2.0 * N * gates * K_, [&](Size begin, Size end) {
            const Even groups(end - begin, rows_at_once(gates, sizeof(T)));
            for (Size i = 0; i < groups.parts; ++i) {
                const Size first = begin + groups.first(i), n = begin + groups.first(i + 1) - first;
                const auto row = [&](Size r) { return walk.dz + (first + r) * errors; };
                product(*W_F_, row, n, [&](Size r, Size unit, Size lanes, auto sum) {
                    T* const to = dx[first + r] + unit;
                    store(to, add ? sum(0) + load(to, lanes) : sum(0), lanes);
                });
            }
        });
    }

    DirectionBack<T> walk;

private:
    // h before each of those steps.
    std::vector<const T*> states_before(Size first, Size last) {
        const Batch& batch = whole_.batch;
        std::vector<const T*> rows;
        zeros_.resize(H_);
        for (Size t = first; t < last; ++t)
            for (Size b = 0; b < batch.alive(t); ++b) {
                const Size prev = dir_ ? t + 1 : t - 1;
                const bool starts = prev < 0 || prev >= batch.T || b >= batch.alive(prev);
                rows.push_back(!starts ? walk.h.at(batch, prev, b) : walk.h0 ? walk.h0 + b * H_ : zeros_.data());
            }
        return rows;
    }

    void pack_inputs(Size rows) {
        const Size gates = Cell::GATES * H_, turned = turn<Cell>(H_), K = K_;
        const T* const from = whole_.of(level_, dir_).W_F;
        W_F_ = std::make_unique<Packed<T>>(gates, K, 1, rows);
        share(W_F_->panels.parts, 20.0 * gates * K, [&](Size begin, Size end) {
            for (Size p = begin; p < end; ++p) {
                W_F_->fill(p, from, K, 1, gates - turned, gates);
                W_F_->fill(p, from + turned * K, K, 1, 0, gates - turned);
            }
        });
    }

    const Whole<T>& whole_;
    const Size level_, dir_, H_, K_;
    const Weights<T>& to_;
    Scratch<T> own_, unwanted_;
    Packed<T> W_R_;
    std::unique_ptr<Packed<T>> W_F_;
    T *dW_F_ = nullptr, *dW_R_ = nullptr;
    std::vector<T> sums_, zeros_;
};

template <class Cell, class T>
void level_back(const Whole<T>& whole, const Gradients<T>& g, const T* saved, Size level, Plane<const T> dy,
                Plane<const T> x, Plane<T> dx) {
    const Batch& batch = whole.batch;
    const Size H = whole.H, T_ = batch.T, B = batch.B, D = whole.directions, errors = Cell::ERRORS * H;
    std::vector<std::unique_ptr<WayBack<Cell, T>>> ways;
    for (Size dir = 0; dir < D; ++dir)
        ways.push_back(std::make_unique<WayBack<Cell, T>>(whole, g, saved, level, dir, dy));
    if (D > 1 && dx)
        for (T* row : listed(dx, batch, 0, T_)) std::fill_n(row, whole.inputs(level), T(0));
    const Even parts = whole.parts(rows_taken_back(errors, sizeof(T)), Cell::GATES, level);
    const Size most = (T_ + parts.parts - 1) / parts.parts * B;
    const Scratch<T> dz = scratch<T>(D * most * errors);
    for (Size dir = 0; dir < D; ++dir) ways[dir]->walk.dz = dz.get() + dir * most * errors;
    for (Size part = parts.parts; part-- > 0;) {
        const Size first = parts.first(part), last = parts.first(part + 1);
        whole.pause();
        const double flops = 2.0 * (last - first) * B * D * Cell::GATES * H * H;
        share_walks<Cell>(whole, flops, [&](Size dir, Size begin, Size end, EachStep each_step) {
            walk_backward<Cell>(batch, ways[dir]->order(), ways[dir]->walk, H, first, last, begin, end, each_step);
        });
        for (auto& way : ways) {
            const bool reverse = way->order().reverse;
            const Size from = reverse ? T_ - last : first, to = reverse ? T_ - first : last;
            way->add_weights(x, from, to);
            if (dx) way->input_errors(listed(dx, batch, from, to), D > 1);
        }
    }
    for (auto& way : ways) way->finish_biases();
}

template <class Cell, class T>
void whole_backward(const Whole<T>& whole, const Gradients<T>& g, const T* saved) {
    const Batch& batch = whole.batch;
    const Size N = whole.rows(), D = whole.directions, wide = whole.wide();
    Scratch<T> errors[2], input;
    Plane<const T> dy = g.dy;
    for (Size level = whole.levels; level-- > 0;) {
        if (!level) return level_back<Cell>(whole, g, saved, level, dy, whole.x, g.dx);
        const T* below = kept_of<Cell>(saved, N, whole.H, D, level - 1, 0).h;
        const T* const mask = whole.masks ? whole.masks + (level - 1) * N * wide : nullptr;
        if (mask) {
            if (!input) input = scratch<T>(N * wide);
            masked(below, mask, input.get(), N * wide);
            below = input.get();
        }
        auto& own = errors[level % 2];  // the level above's are read until this one's are there
        if (!own) own = scratch<T>(N * wide);
        level_back<Cell>(whole, g, saved, level, dy, in_line(below, batch, wide), in_line(own.get(), batch, wide));
        if (mask) masked(own.get(), mask, own.get(), N * wide);
        dy = in_line<const T>(own.get(), batch, wide);
    }
}

}  // namespace bptt::BPTT_ISA
