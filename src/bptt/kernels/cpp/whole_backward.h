// One direction of one level on the way back, some sequences of the batch through some neighbouring steps.
#pragma once

#include "batch.h"
#include "together.h"
#include "whole_cells.h"

namespace bptt::BPTT_ISA {

template <class T>
struct DirectionBack {
    const Packed<T>* W_R;
    Plane<const T> dy, h;       // immediate errors (none: zeros); states
    const T *h0, *c0;           // (B, H); null: zeros
    const T *gates, *c;         // what was kept
    T *dh, *dc;                 // (B, H) from behind the last step; take what goes back before the first
    T* dz;                      // (rows, ERRORS·H) of the steps that are taken
};

// The steps first .. last-1 in the order of the direction, the last one first.
template <class Cell, class T>
void walk_backward(const Batch& batch, Order order, const DirectionBack<T>& d, Size H, Size first, Size last,
                   Size begin, Size end, EachStep each_step) {
    const std::vector<T> zeros(H);
    const Size width = Cell::SAVED * H, errors = Cell::ERRORS * H;
    const Size above = batch.row(std::min(order.step(first), order.step(last - 1)), 0);
    const auto alive = [&](Size i) {
        return i < 0 || i >= batch.T ? begin : std::clamp(batch.alive(order.step(i)), begin, end);
    };
    const auto errors_at = [&](Size t, Size b) { return d.dz + (batch.row(t, b) - above) * errors; };
    const auto step = [&](Size i, Size b, Size unit, Size n, Vec<T> dh) {
        const Size t = order.step(i), row = batch.row(t, b);
        const bool starts = b >= alive(i - 1);
        const Size t_prev = starts ? t : order.step(i - 1);
        const T* h_prev = !starts ? d.h.at(batch, t_prev, b) : d.h0 ? d.h0 + b * H : zeros.data();
        const T* c_prev = nullptr;
        if (Cell::CARRIES)
            c_prev = (!starts ? d.c + batch.row(t_prev, b) * H : d.c0 ? d.c0 + b * H : zeros.data()) + unit;
        T* const carry = Cell::CARRIES ? d.dc : d.dh;
        const PlaceBack<T> at{Cell::SAVED ? d.gates + row * width + unit : nullptr, H, n,
                              d.h.at(batch, t, b) + unit, h_prev + unit,
                              Cell::CARRIES ? d.c + row * H + unit : nullptr, c_prev,
                              carry + b * H + unit, errors_at(t, b) + unit};
        Cell::back(at, d.dy ? dh + load(d.dy.at(batch, t, b) + unit, n) : dh);
    };
    // The sequences from which nothing was taken back to step i.
    const auto start = [&](Size i, Part part) {
        const Size registers = (H + W<T> - 1) / W<T>;
        for (Size b = i == last - 1 ? begin : alive(i + 1); b < alive(i); ++b)
            for (Size u = part.begin(registers); u < part.end(registers); ++u) {
                const Size unit = u * W<T>, n = std::min(W<T>, H - unit);
                step(i, b, unit, n, load(d.dh + b * H + unit, n));
            }
    };
    start(last - 1, {});
    each_step(last - first, [&](Size back, Part part) {
        const Size i = last - 1 - back, t = order.step(i), here = alive(i) - begin;
        const Size before = i > first ? alive(i - 1) : begin;
        const auto row = [&](Size r) { return errors_at(t, begin + r) + Cell::TO_R * H; };
        product(*d.W_R, row, here, [&](Size r, Size unit, Size n, auto sum) {
            const Size b = begin + r;
            T* const carried = d.dh + b * H + unit;
            const Vec<T> dh = Cell::ADDS ? sum(0) + load(carried, n) : sum(0);
            if (b < before) step(i - 1, b, unit, n, dh);
            else store(carried, dh, n);
        }, part);
        if (i > first) start(i - 1, part);
    });
}

}  // namespace bptt::BPTT_ISA
