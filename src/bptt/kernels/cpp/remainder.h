// What is kept of each lag's matrix G_k: the sums that profiles and truncation are made of, in one pass.
//
//     R ← r R - g G_k          the part of dW_R not yet counted
//     M ← m M + n G_k          Σ_j j G_j
//     ⟨G, W⟩  ⟨R, R⟩  ⟨R, M⟩  ⟨M, M⟩  ⟨M, W⟩
#pragma once

#include <vector>

#include "team.h"

namespace bptt::BPTT_ISA {

struct Scales {
    double r, g, m, n;
};

// Matrices (rows, columns) in double. Sums go by rows, then over rows: the same for any number of threads.
inline void remainder(const double* G, double* R, double* M, const double* W_, Size rows, Size columns,
                      const Scales& by, double (&products)[5]) {
    std::vector<double> sums(5 * rows);
    share(rows, 18.0 * rows * columns, [&](Size begin, Size end) {
        for (Size row = begin; row < end; ++row) {
            Vec<double> found[5] = {};
            for (Size j = 0; j < columns; j += W<double>) {
                const Size at = row * columns + j, n = std::min(W<double>, columns - j);
                const Vec<double> g = load(G + at, n), w = load(W_ + at, n);
                const Vec<double> r = by.r * load(R + at, n) - by.g * g;
                const Vec<double> m = by.m * load(M + at, n) + by.n * g;
                store(R + at, r, n);
                store(M + at, m, n);
                found[0] += g * w;
                found[1] += r * r;
                found[2] += r * m;
                found[3] += m * m;
                found[4] += m * w;
            }
            for (int i = 0; i < 5; ++i) sums[5 * row + i] = total(found[i]);
        }
    });
    for (int i = 0; i < 5; ++i) products[i] = 0;
    for (Size row = 0; row < rows; ++row)
        for (int i = 0; i < 5; ++i) products[i] += sums[5 * row + i];
}

}  // namespace bptt::BPTT_ISA
