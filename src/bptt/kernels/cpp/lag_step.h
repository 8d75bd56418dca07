// One step back in lag, of the signals of all loss steps at once (gradients/by_lag/layer_walk.py has the equations).
//
//     dz = back(d)                 to what W_R multiplies
//     d ← dz W_R + carry           at the step before: written `cut` rows further up
//
// A row is the signal of one step and sequence. Each group of rows goes through both while it is in cache, and
// leaves its squared norms on the way, in double.
#pragma once

#include "gru.h"
#include "lstm.h"
#include "rnn.h"

namespace bptt::BPTT_ISA {

// Squared norms per row. Those of the step back are (R - cut,): the first `cut` rows do not take it.
struct Norms {
    double *at_weights, *through, *carry, *carrier, *arriving;
};

template <class T>
struct Lag {
    Size rows, cut, H;
    const T* d;   // (rows, S)
    T* dz;        // (rows, G·H)
    T* next;      // (rows - cut, S)
    Norms norms;
    Size begin, end;  // the rows to take
};

// Equations (2) of cells/rnn.py.
template <class T>
struct RnnBack {
    const T* slope;
    Size slope_stride;
    static constexpr Size S = 1, G = 1;
    static constexpr bool adds = false;  // whether dz W_R is added to a carry in the same columns

    // The same for rows that begin so many further on.
    RnnBack from(Size row) const { return {slope + row * slope_stride, slope_stride}; }

    void operator()(const Lag<T>& lag, Size r) const {
        Vec<double> at_weights = {};
        for_units<T>(lag.H, [&](Size unit, Size n) {
            const Vec<T> dz = load(lag.d + r * lag.H + unit, n) * load(slope + r * slope_stride + unit, n);
            store(lag.dz + r * lag.H + unit, dz, n);
            add_squares(at_weights, dz);
        });
        lag.norms.at_weights[r] = total(at_weights);
    }
};

// Equations (4) to (6) of cells/lstm.py.
template <class T>
struct LstmBack {
    const T *to_cell, *factors, *f;
    Size cell_stride, factors_stride, f_stride;
    static constexpr Size S = 2, G = 4;
    static constexpr bool adds = false;

    LstmBack from(Size row) const {
        return {to_cell + row * cell_stride, factors + row * factors_stride, f + row * f_stride,
                cell_stride, factors_stride, f_stride};
    }

    void operator()(const Lag<T>& lag, Size r) const {
        const Size H = lag.H;
        Vec<double> at_weights = {}, carry = {}, carrier = {};
        for_units<T>(H, [&](Size unit, Size n) {
            const T* d = lag.d + r * 2 * H + unit;
            const T* factor = factors + r * factors_stride + unit;
            T* dz = lag.dz + r * 4 * H + unit;
            const Vec<T> dh = load(d, n), dc = dh * load(to_cell + r * cell_stride + unit, n) + load(d + H, n);
            for (Size g = 0; g < 4; ++g) {
                const Vec<T> error = (g < 3 ? dc : dh) * load(factor + g * H, n);
                store(dz + g * H, error, n);
                add_squares(at_weights, error);
            }
            if (r < lag.cut) return;
            const Vec<T> carried = dc * load(f + r * f_stride + unit, n);
            store(lag.next + (r - lag.cut) * 2 * H + H + unit, carried, n);
            add_squares(carry, carried);
            add_squares(carrier, dc);
        });
        lag.norms.at_weights[r] = total(at_weights);
        if (r < lag.cut) return;
        lag.norms.carry[r - lag.cut] = total(carry);
        lag.norms.carrier[r - lag.cut] = total(carrier);
    }
};

// Equations (4) to (6) of cells/gru.py.
template <class T>
struct GruBack {
    const T *factors, *z;
    Size factors_stride, z_stride;
    static constexpr Size S = 1, G = 3;
    static constexpr bool adds = true;

    GruBack from(Size row) const {
        return {factors + row * factors_stride, z + row * z_stride, factors_stride, z_stride};
    }

    void operator()(const Lag<T>& lag, Size r) const {
        const Size H = lag.H;
        Vec<double> at_weights = {}, carry = {}, carrier = {};
        for_units<T>(H, [&](Size unit, Size n) {
            const Vec<T> d = load(lag.d + r * H + unit, n);
            for (Size g = 0; g < 3; ++g) {
                const Vec<T> error = d * load(factors + r * factors_stride + g * H + unit, n);
                store(lag.dz + r * 3 * H + g * H + unit, error, n);
                add_squares(at_weights, error);
            }
            if (r < lag.cut) return;
            const Vec<T> carried = d * load(z + r * z_stride + unit, n);
            store(lag.next + (r - lag.cut) * H + unit, carried, n);
            add_squares(carry, carried);
            add_squares(carrier, d);
        });
        lag.norms.at_weights[r] = total(at_weights);
        if (r < lag.cut) return;
        lag.norms.carry[r - lag.cut] = total(carry);
        lag.norms.carrier[r - lag.cut] = total(carrier);
    }
};

template <class Back, class T>
void lag_step(const Lag<T>& lag, const Packed<T>& W_R, const Back& back) {
    const Size K = Back::G * lag.H, S = Back::S * lag.H;
    const Even groups(lag.end - lag.begin, rows_at_once(K, sizeof(T)));
    std::vector<Vec<double>> sums;  // of through, then of arriving
    for (Size i = 0; i < groups.parts; ++i) {
        const Size begin = lag.begin + groups.first(i), end = lag.begin + groups.first(i + 1);
        for (Size r = begin; r < end; ++r) back(lag, r);
        const Size first = std::max(begin, lag.cut), n = end - first;
        if (n <= 0) continue;
        sums.assign(2 * n, Vec<double>{});
        const auto row = [&](Size r) { return lag.dz + (first + r) * K; };
        product(W_R, row, n, [&](Size r, Size unit, Size lanes, auto sum) {
            T* to = lag.next + (first + r - lag.cut) * S + unit;
            Vec<T> d = sum(0);
            add_squares(sums[r], d);
            if constexpr (Back::adds) {
                d += load(to, lanes);
                add_squares(sums[n + r], d);
            }
            store(to, d, lanes);
        });
        for (Size r = 0; r < n; ++r) {
            const Size to = first + r - lag.cut;
            lag.norms.through[to] = total(sums[r]);
            lag.norms.arriving[to] = Back::adds ? total(sums[n + r]) : lag.norms.through[to];
            if constexpr (Back::S == 2) lag.norms.arriving[to] += lag.norms.carry[to];
        }
    }
}

// Sums over rows: ‖dz‖² of all and of those that take the step back, and of these the other four in the order of ``Norms``;
// then the least ‖dz‖² and the least and the largest of what arrives. NaN where some square is no number.
using Totals = std::array<double, 9>;

struct Summary {
    double sum, least, most;
};

inline Summary summary(const double* s, Size n) {
    const double first = n ? *s : 0;
    Vec<double> sums = {}, low = splat(first), high = splat(first);
    for (Size i = 0; i < n; i += W<double>) {
        const Size lanes = std::min(W<double>, n - i);
        const Vec<double> v = load(s + i, lanes), held = lanes == W<double> ? v : [&] {
            Vec<double> some = v;
            for (Size j = lanes; j < W<double>; ++j) some[j] = first;
            return some;
        }();
        sums += v;
        low = held < low ? held : low;
        high = held > high ? held : high;
    }
    Summary found{total(sums), low[0], high[0]};
    for (Size i = 1; i < W<double>; ++i) found.least = std::min(found.least, low[i]), found.most = std::max(found.most, high[i]);
    if (!(found.sum < std::numeric_limits<double>::infinity())) found.least = found.most = std::numeric_limits<double>::quiet_NaN();
    return found;
}

template <class Back, class T>
Totals totals(const Lag<T>& lag) {
    const Norms& n = lag.norms;
    const Size on = lag.rows - lag.cut;
    const Summary off = summary(n.at_weights, lag.cut), leaving = summary(n.at_weights + lag.cut, on);
    const Summary through = summary(n.through, on), arriving = summary(n.arriving, on);
    const bool carries = Back::S == 2 || Back::adds;
    const double carry = carries ? summary(n.carry, on).sum : through.sum;
    const double carrier = carries ? summary(n.carrier, on).sum : through.sum;
    const double least = lag.cut == 0 ? leaving.least : on == 0 ? off.least : std::min(off.least, leaving.least);
    return {off.sum + leaving.sum, leaving.sum, through.sum, carry, carrier, arriving.sum, least, arriving.least, arriving.most};
}

}  // namespace bptt::BPTT_ISA
