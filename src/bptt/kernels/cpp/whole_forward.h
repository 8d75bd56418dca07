// One direction of one level, some sequences of the batch through all their steps.
//
// The drive W_F x + b of a few steps is made just before those steps need it: it is in cache then.
#pragma once

#include "batch.h"
#include "together.h"
#include "whole_cells.h"

namespace bptt::BPTT_ISA {

template <class T>
struct Direction {
    const Packed<T> *W_F, *W_R;
    const T *bias, *b_Rn;  // (GATES·H) of the drive; (H) of a GRU's candidate, or null
    Plane<const T> x;
    const T *h0, *c0;      // (B, H); null: zeros
    Plane<T> h, copy;      // every h_t; a second time where wanted
    T *h_n, *c_n;          // (B, H) the last of every sequence
    T *gates, *c;          // (rows, SAVED·H) and (rows, H); null: not kept
    bool driven = false;   // whether gates holds the drive already
};

// Numbers that a step has of drive and gates.
template <class Cell>
constexpr Size gate_blocks() { return std::max(Cell::GATES, Cell::SAVED); }

// The drive of rows at `from`, to `to`.
template <class T>
void drive(const Direction<T>& d, const std::vector<const T*>& from, const std::vector<T*>& to) {
    const Packed<T>& m = *d.W_F;
    product(m, [&](Size r) { return from[r]; }, Size(from.size()), [&](Size r, Size unit, Size n, auto sum) {
        for (Size g = 0; g < m.G; ++g)
            store(to[r] + g * m.N + unit, sum(g) + load(d.bias + g * m.N + unit, n), n);
    });
}

// How many steps of that many sequences to drive at once: gates of a quarter of a megabyte, and not few rows.
inline Size steps_at_once(Size sequences, Size numbers, Size bytes) {
    const Size rows = std::clamp<Size>((256 << 10) / (numbers * bytes), 24, 256);
    return std::max<Size>(1, rows / std::max<Size>(sequences, 1));
}

// The steps first .. last-1 in the order of the direction.
template <class Cell, class T>
void walk_forward(const Batch& batch, Order order, const Direction<T>& d, Size H, Size first, Size last, Size begin,
                  Size end, EachStep each_step) {
    const Size width = gate_blocks<Cell>() * H;
    const Size chunk = d.driven ? last - first : steps_at_once(end - begin, width, sizeof(T));
    const std::vector<T> zeros(H);
    std::vector<T> scratch(d.gates ? 0 : chunk * (end - begin) * width);
    std::vector<const T*> from;
    std::vector<T*> to, gates_of_step(chunk);
    const auto alive = [&](Size i) { return std::min(end, batch.alive(order.step(i))); };
    const auto before = [&](Size i, Size b) {  // h, one step before step i
        if (i > 0 && b < alive(i - 1)) return static_cast<const T*>(d.h.at(batch, order.step(i - 1), b));
        return d.h0 ? d.h0 + b * H : zeros.data();
    };
    if (Cell::CARRIES && first == 0)
        for (Size b = begin; b < end; ++b) std::copy_n(d.c0 ? d.c0 + b * H : zeros.data(), H, d.c_n + b * H);
    for (Size now = first; now < last; now += chunk) {
        const Size next = std::min(last, now + chunk);
        from.clear(), to.clear();
        T* free = scratch.data();
        for (Size i = now; i < next; ++i) {
            const Size t = order.step(i);
            T* gates = d.gates ? d.gates + batch.row(t, begin) * width : free;
            gates_of_step[i - now] = gates;
            for (Size b = begin; b < alive(i) && !d.driven; ++b, gates += width) {
                from.push_back(d.x.at(batch, t, b));
                to.push_back(gates);
            }
            free = gates;
        }
        if (!d.driven) drive(d, from, to);
        each_step(next - now, [&](Size s, Part part) {
            const Size i = now + s, t = order.step(i), rows = alive(i) - begin;
            if (rows <= 0) return;
            T* const gates = gates_of_step[s];
            T* const c_kept = d.c ? d.c + batch.row(t, begin) * H : nullptr;
            const auto row = [&](Size r) { return before(i, begin + r); };
            product(*d.W_R, row, rows, [&](Size r, Size unit, Size n, auto sum) {
                const Size b = begin + r;
                const Place<T> at{gates + r * width + unit, H, n, before(i, b) + unit, d.b_Rn + unit,
                                  Cell::CARRIES ? d.c_n + b * H + unit : nullptr,
                                  c_kept ? c_kept + r * H + unit : nullptr};
                const Vec<T> h = Cell::step(at, sum);
                store(d.h.at(batch, t, b) + unit, h, n);
                if (d.copy) store(d.copy.at(batch, t, b) + unit, h, n);
            }, part);
        });
    }
    if (last < batch.T) return;
    for (Size b = begin; b < end; ++b) {
        Size i = batch.T - 1;
        while (b >= alive(i)) --i;
        const T* const h = d.h.at(batch, order.step(i), b);
        if (h != d.h_n + b * H) std::copy_n(h, H, d.h_n + b * H);
    }
}

}  // namespace bptt::BPTT_ISA
