// The GRU over a sequence (cells/gru.py has the equations). Gates stand in PyTorch's order r, z, n.
//
//     a = W_Rn h_{t-1} + b_Rn,   n = tanh(drive_n + r ⊙ a),   h_t = n + z ⊙ (h_{t-1} - n)
//     dn = dh_t (1 - z) tanh′,   dr = dn a σ′,   dz = dh_t (h_{t-1} - n) σ′,   carry = dh_t ⊙ z
#pragma once

#include "math.h"
#include "sequence.h"

namespace bptt::BPTT_ISA {

// One step of a register of units: gate holds the drive, blocks of H; sum(j) is what W_R adds to block j.
template <class T>
struct GruStep {
    Vec<T> r, z, a, n;

    template <class Sum>
    GruStep(const T* gate, Size H, Vec<T> b_Rn, Size lanes, Sum&& sum)
        : r(logistic<T>(load(gate, lanes) + sum(0))), z(logistic<T>(load(gate + H, lanes) + sum(1))), a(b_Rn + sum(2)),
          n(tanh<T>(load(gate + 2 * H, lanes) + r * a)) {}

    Vec<T> h(Vec<T> h_prev) const { return n + z * (h_prev - n); }
    void keep(T* gate, Size H, Size lanes) const {
        store(gate, r, lanes);
        store(gate + H, z, lanes);
        store(gate + 2 * H, n, lanes);
        store(gate + 3 * H, a, lanes);
    }
};

// saved (T, B, 4H) holds the drive in its first 3H columns and takes r, z, n, a; h (T+1, B, H), h[0] given.
template <class T>
void gru_forward(const Sequence& s, const Packed<T>& W_R, const T* b_Rn, T* saved, T* h, EachStep each_step) {
    const Rows<T> rows(s, s.H);
    each_step(s.T, [&](Size t, Part part) {
        product(W_R, rows.kept(h, t), s.rows(), [&](Size row, Size unit, Size lanes, auto sum) {
            const Size b = s.begin + row;
            T* gate = saved + s.at(t, b) * 4 * s.H + unit;
            const GruStep<T> step(gate, s.H, load(b_Rn + unit, lanes), lanes, sum);
            const Vec<T> h_prev = s.kept(t, b) ? load(h + s.at(t, b) * s.H + unit, lanes) : Vec<T>{};
            step.keep(gate, s.H, lanes);
            store(h + s.at(t + 1, b) * s.H + unit, step.h(h_prev), lanes);
        }, part);
    });
}

// What dh_t is multiplied by: towards W_R three factors, the candidate's towards W_F, and z.
template <class T>
struct GruFactors {
    Vec<T> r, z, n, to_n, carry;

    GruFactors(const T* gate, Size H, Vec<T> h_prev, Size lanes) {
        const Vec<T> r_ = load(gate, lanes), z_ = load(gate + H, lanes), n_ = load(gate + 2 * H, lanes);
        const Vec<T> a = load(gate + 3 * H, lanes);
        to_n = (T(1) - z_) * ((T(1) - n_) * (T(1) + n_));
        r = to_n * (a * r_ * (T(1) - r_));
        z = (h_prev - n_) * (z_ * (T(1) - z_));
        n = to_n * r_;
        carry = z_;
    }
};

// The factors of rows begin .. end-1: towards W_R (rows, 3H), to_n (rows, H).
template <class T>
void gru_local(const T* saved, const T* h_prev, T* factors, T* to_n, Size H, Size begin, Size end) {
    for (Size r = begin; r < end; ++r)
        for_units<T>(H, [&](Size unit, Size n) {
            const Size at = r * H + unit;
            const GruFactors<T> by(saved + r * 4 * H + unit, H, load(h_prev + at, n), n);
            T* to = factors + r * 3 * H + unit;
            store(to, by.r, n);
            store(to + H, by.z, n);
            store(to + 2 * H, by.n, n);
            store(to_n + at, by.to_n, n);
        });
}

// dz_R, dz_F (T, B, 3H): errors at what W_R and what W_F multiplies; the rest as for the RNN.
template <class T>
void gru_backward(const Sequence& s, const Packed<T>& W_R, const T* saved, const T* h, const T* d, T* carried,
                  T* dz_R, T* dz_F, EachStep each_step) {
    const Size H = s.H;
    // carried holds the elementwise part between two steps; the part through W_R is added to it.
    const auto step = [&](Size t, Size b, Size unit, Size n, Vec<T> from_behind) {
        T* carry = carried + b * H + unit;
        const Vec<T> h_prev = s.kept(t, b) ? load(h + s.at(t, b) * H + unit, n) : Vec<T>{};
        const GruFactors<T> by(saved + s.at(t, b) * 4 * H + unit, H, h_prev, n);
        const Vec<T> dh = load(d + s.at(t, b) * H + unit, n) + from_behind;
        const Size to = s.at(t, b) * 3 * H + unit;
        const Vec<T> dr = dh * by.r, dz = dh * by.z;
        store(dz_R + to, dr, n);
        store(dz_F + to, dr, n);
        store(dz_R + to + H, dz, n);
        store(dz_F + to + H, dz, n);
        store(dz_R + to + 2 * H, dh * by.n, n);
        store(dz_F + to + 2 * H, dh * by.to_n, n);
        store(carry, s.kept(t, b) ? dh * by.carry : Vec<T>{}, n);
    };
    for (Size b = s.begin; b < s.end; ++b)
        for_units<T>(H, [&](Size unit, Size n) {
            step(s.T - 1, b, unit, n, load(carried + b * H + unit, n));
        });
    const Rows<T> rows(s, 3 * H);
    each_step(s.T, [&](Size i, Part part) {
        const Size t = s.T - 1 - i;
        product(W_R, rows.all(dz_R, t), s.rows(), [&](Size r, Size unit, Size n, auto sum) {
            const Size b = s.begin + r;
            const Vec<T> through = s.kept(t, b) ? sum(0) : Vec<T>{};
            const Vec<T> back = load(carried + b * H + unit, n) + through;
            if (t == 0) store(carried + b * H + unit, back, n);
            else step(t - 1, b, unit, n, back);
        }, part);
    });
}

}  // namespace bptt::BPTT_ISA
