// The LSTM over a sequence (cells/lstm.py has the equations). Gates stand in PyTorch's order i, f, g, o.
//
//     c_t = f ⊙ c_{t-1} + i ⊙ g,            h_t = o ⊙ tanh(c_t)
//     dc_t = ∂⁺E/∂c_t + carry + dh_t ⊙ o ⊙ tanh′(c_t)
//     dz_t = [dc_t g σ′, dc_t c_{t-1} σ′, dc_t i tanh′, dh_t tanh(c_t) σ′],   carry = dc_t ⊙ f
#pragma once

#include "math.h"
#include "sequence.h"

namespace bptt::BPTT_ISA {

// One step of a register of units: gate holds the drive, blocks of H; sum(j) is what W_R adds to block j.
template <class T>
struct LstmStep {
    Vec<T> i, f, g, o, c;

    template <class Sum>
    LstmStep(const T* gate, Size H, Vec<T> c_prev, Size n, Sum&& sum)
        : i(logistic<T>(load(gate, n) + sum(0))), f(logistic<T>(load(gate + H, n) + sum(1))),
          g(tanh<T>(load(gate + 2 * H, n) + sum(2))), o(logistic<T>(load(gate + 3 * H, n) + sum(3))),
          c(f * c_prev + i * g) {}

    Vec<T> h() const { return o * tanh<T>(c); }
    void keep(T* gate, Size H, Size n) const {
        store(gate, i, n);
        store(gate + H, f, n);
        store(gate + 2 * H, g, n);
        store(gate + 3 * H, o, n);
    }
};

// gates (T, B, 4H) holds the drive and takes i, f, g, o; h, c (T+1, B, H), [0] given.
template <class T>
void lstm_forward(const Sequence& s, const Packed<T>& W_R, T* gates, T* h, T* c, EachStep each_step) {
    const Rows<T> rows(s, s.H);
    each_step(s.T, [&](Size t, Part part) {
        product(W_R, rows.kept(h, t), s.rows(), [&](Size r, Size unit, Size n, auto sum) {
            const Size b = s.begin + r, now = s.at(t + 1, b) * s.H + unit;
            T* gate = gates + s.at(t, b) * 4 * s.H + unit;
            const Vec<T> c_prev = s.kept(t, b) ? load(c + s.at(t, b) * s.H + unit, n) : Vec<T>{};
            const LstmStep<T> step(gate, s.H, c_prev, n, sum);
            step.keep(gate, s.H, n);
            store(c + now, step.c, n);
            store(h + now, step.h(), n);
        }, part);
    });
}

// What errors are multiplied by: dc by to_cell (of dh), dz by four factors, the carry by f.
template <class T>
struct LstmFactors {
    Vec<T> to_cell, i, f, g, o, carry;

    LstmFactors(const T* gate, Size H, Vec<T> c_prev, Vec<T> c_t, Size n) {
        const Vec<T> i_ = load(gate, n), f_ = load(gate + H, n), g_ = load(gate + 2 * H, n);
        const Vec<T> o_ = load(gate + 3 * H, n), tanh_c = tanh<T>(c_t);
        to_cell = o_ * ((T(1) - tanh_c) * (T(1) + tanh_c));
        i = g_ * (i_ * (T(1) - i_));
        f = c_prev * (f_ * (T(1) - f_));
        g = i_ * ((T(1) - g_) * (T(1) + g_));
        o = tanh_c * (o_ * (T(1) - o_));
        carry = f_;
    }
};

// The factors of rows begin .. end-1: to_cell (rows, H), the four of dz (rows, 4H).
template <class T>
void lstm_local(const T* gates, const T* c_prev, const T* c, T* to_cell, T* factors, Size H, Size begin, Size end) {
    for (Size r = begin; r < end; ++r)
        for_units<T>(H, [&](Size unit, Size n) {
            const Size at = r * H + unit;
            const LstmFactors<T> by(gates + r * 4 * H + unit, H, load(c_prev + at, n), load(c + at, n), n);
            T* to = factors + r * 4 * H + unit;
            store(to_cell + at, by.to_cell, n);
            store(to, by.i, n);
            store(to + H, by.f, n);
            store(to + 2 * H, by.g, n);
            store(to + 3 * H, by.o, n);
        });
}

// d (T, B, width): immediate errors of h, or of [h; c] where width is 2H; carried (B, 2H) as for the RNN.
template <class T>
void lstm_backward(const Sequence& s, const Packed<T>& W_R, const T* gates, const T* c, const T* d, Size width,
                   T* carried, T* dz, EachStep each_step) {
    const Size H = s.H;
    const auto step = [&](Size t, Size b, Size unit, Size n, Vec<T> from_behind) {
        const T* d_t = d + s.at(t, b) * width + unit;
        T* carry = carried + b * 2 * H + H + unit;
        T* to = dz + s.at(t, b) * 4 * H + unit;
        const Vec<T> c_prev = s.kept(t, b) ? load(c + s.at(t, b) * H + unit, n) : Vec<T>{};
        const LstmFactors<T> by(gates + s.at(t, b) * 4 * H + unit, H, c_prev,
                                load(c + s.at(t + 1, b) * H + unit, n), n);
        const Vec<T> dh = load(d_t, n) + from_behind;
        Vec<T> dc = load(carry, n) + dh * by.to_cell;
        if (width == 2 * H) dc += load(d_t + H, n);
        store(to, dc * by.i, n);
        store(to + H, dc * by.f, n);
        store(to + 2 * H, dc * by.g, n);
        store(to + 3 * H, dh * by.o, n);
        store(carry, s.kept(t, b) ? dc * by.carry : Vec<T>{}, n);
    };
    for (Size b = s.begin; b < s.end; ++b)
        for_units<T>(H, [&](Size unit, Size n) {
            step(s.T - 1, b, unit, n, load(carried + b * 2 * H + unit, n));
        });
    const Rows<T> rows(s, 4 * H);
    each_step(s.T, [&](Size i, Part part) {
        const Size t = s.T - 1 - i;
        product(W_R, rows.all(dz, t), s.rows(), [&](Size r, Size unit, Size n, auto sum) {
            const Size b = s.begin + r;
            const Vec<T> back = s.kept(t, b) ? sum(0) : Vec<T>{};
            if (t == 0) store(carried + b * 2 * H + unit, back, n);
            else step(t - 1, b, unit, n, back);
        }, part);
    });
}

}  // namespace bptt::BPTT_ISA
