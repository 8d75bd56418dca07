// The size of a sum of outer products, sequence by sequence, without the sum itself:
//
//     ‖Σ_n a_n ⊗ b_n‖² = Σ_nm (a_n · a_m)(b_n · b_m)
//
// Cheaper than the matrix while a sequence has fewer rows than the matrix. Beside it Σ_n ‖a_n‖ ‖b_n‖, which the size would be
// if nothing cancelled.
#pragma once

#include <cmath>

#include "team.h"

namespace bptt::BPTT_ISA {

inline constexpr int PAIRS = 4;  // rows that are met at once

// x · y_i for PAIRS rows y.
template <class T>
void dots(const T* x, const T* const (&y)[PAIRS], Size n, double (&found)[PAIRS]) {
    Vec<T> sums[PAIRS] = {};
    for (Size j = 0; j < n; j += W<T>) {
        const Size here = std::min(W<T>, n - j);
        const Vec<T> own = load(x + j, here);
#pragma GCC unroll 8
        for (int i = 0; i < PAIRS; ++i) sums[i] += own * load(y[i] + j, here);
    }
    for (int i = 0; i < PAIRS; ++i) {
        found[i] = 0;
        for (Size lane = 0; lane < W<T>; ++lane) found[i] += sums[i][lane];
    }
}

// Of each of B sequences, whose N rows lie B rows apart.
template <class T>
void squares_of_sums(const T* a, Size G, const T* b, Size H, Size N, Size B, double* squares, double* most) {
    share(B, 1.0 * B * N * N * (G + H), [&](Size begin, Size end) {
        for (Size own = begin; own < end; ++own) {
            double sum = 0, sizes = 0;
            for (Size n = 0; n < N; ++n)
                for (Size m = 0; m <= n; m += PAIRS) {
                    const Size here = std::min<Size>(PAIRS, n + 1 - m);
                    const T *of_a[PAIRS], *of_b[PAIRS];
                    for (Size i = 0; i < PAIRS; ++i) {
                        const Size row = std::min(m + i, n) * B + own;
                        of_a[i] = a + row * G, of_b[i] = b + row * H;
                    }
                    double by_a[PAIRS], by_b[PAIRS];
                    dots(a + (n * B + own) * G, of_a, G, by_a);
                    dots(b + (n * B + own) * H, of_b, H, by_b);
                    for (Size i = 0; i < here; ++i) sum += (m + i < n ? 2 : 1) * by_a[i] * by_b[i];
                    if (m + here > n) sizes += std::sqrt(by_a[here - 1]) * std::sqrt(by_b[here - 1]);
                }
            squares[own] = sum, most[own] = sizes;
        }
    });
}

}  // namespace bptt::BPTT_ISA
