// The plain recurrent network over a sequence (cells/rnn.py has the equations).
//
//     z_t = drive_t + W_R h_{t-1},          h_t = φ(z_t)
//     dh_t = ∂⁺E/∂h_t + dz_{t+1} W_R,       dz_t = dh_t ⊙ φ′(z_t)
#pragma once

#include "activations.h"
#include "sequence.h"

namespace bptt::BPTT_ISA {

// z (T, B, H) holds the drive and takes z; h (T+1, B, H), h[0] given. W_R packed as W_Rᵀ.
template <class Phi, class T>
void rnn_forward(const Sequence& s, const Packed<T>& W_R, T* z, T* h, EachStep each_step) {
    const Rows<T> rows(s, s.H);
    each_step(s.T, [&](Size t, Part part) {
        product(W_R, rows.kept(h, t), s.rows(), [&](Size r, Size unit, Size n, auto sum) {
            T* z_t = z + s.at(t, s.begin + r) * s.H + unit;
            const Vec<T> here = load(z_t, n) + sum(0);
            store(z_t, here, n);
            store(h + s.at(t + 1, s.begin + r) * s.H + unit, Phi::template value<T>(here), n);
        }, part);
    });
}

// d (T, B, H) immediate errors; carried (B, H) what comes from behind the last step, and takes what goes
// back before the first; dz (T, B, H) the result. W_R packed as it is.
template <class Phi, class T>
void rnn_backward(const Sequence& s, const Packed<T>& W_R, const T* z, const T* d, T* carried, T* dz,
                  EachStep each_step) {
    const auto step = [&](Size t, Size b, Size unit, Size n, Vec<T> from_behind) {
        const Size here = s.at(t, b) * s.H + unit;
        store(dz + here, (load(d + here, n) + from_behind) * Phi::template slope<T>(load(z + here, n)), n);
    };
    for (Size b = s.begin; b < s.end; ++b)
        for_units<T>(s.H, [&](Size unit, Size n) {
            step(s.T - 1, b, unit, n, load(carried + b * s.H + unit, n));
        });
    const Rows<T> rows(s, s.H);
    each_step(s.T, [&](Size i, Part part) {
        const Size t = s.T - 1 - i;
        product(W_R, rows.all(dz, t), s.rows(), [&](Size r, Size unit, Size n, auto sum) {
            const Size b = s.begin + r;
            const Vec<T> back = s.kept(t, b) ? sum(0) : Vec<T>{};
            if (t == 0) store(carried + b * s.H + unit, back, n);
            else step(t - 1, b, unit, n, back);
        }, part);
    });
}

}  // namespace bptt::BPTT_ISA
