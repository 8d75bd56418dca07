// What stopping behind each lag keeps of a gradient W = Σ_k G_k: sums of matrices and their products, in one pass.
//
//     S ← s S + g G            what a window of K steps keeps, Σ_{k<K} G_k
//     R ← r R - g' G           what it leaves out, W - S
//     N ← n N + n' S           K times what chunks of K steps keep, Σ_{k<K} (K - k) G_k
//     L ← l L + l' R           K times what they leave out
//     ⟨G, G⟩  ⟨G, W⟩  ⟨R, R⟩  ⟨S, S⟩  ⟨S, W⟩  ⟨L, L⟩  ⟨N, N⟩  ⟨N, W⟩
#pragma once

#include <vector>

#include "team.h"

namespace bptt::BPTT_ISA {

struct Sums {
    double *S, *R, *N, *L;
};

constexpr int PRODUCTS = 8;

// Matrices (rows, columns) in double; factors are s, g, r, g', n, n', l, l'. Sums go by rows, then over rows: the same
// for any number of threads.
inline void bill(const double* G, const double* W_, const Sums& to, Size rows, Size columns, const double (&by)[8],
                 double (&products)[PRODUCTS]) {
    std::vector<double> sums(PRODUCTS * rows);
    share(rows, 30.0 * rows * columns, [&](Size begin, Size end) {
        for (Size row = begin; row < end; ++row) {
            Vec<double> found[PRODUCTS] = {};
            for (Size j = 0; j < columns; j += W<double>) {
                const Size at = row * columns + j, n = std::min(W<double>, columns - j);
                const Vec<double> g = load(G + at, n), w = load(W_ + at, n);
                const Vec<double> s = by[0] * load(to.S + at, n) + by[1] * g;
                const Vec<double> r = by[2] * load(to.R + at, n) - by[3] * g;
                const Vec<double> kept = by[4] * load(to.N + at, n) + by[5] * s;
                const Vec<double> left = by[6] * load(to.L + at, n) + by[7] * r;
                store(to.S + at, s, n);
                store(to.R + at, r, n);
                store(to.N + at, kept, n);
                store(to.L + at, left, n);
                found[0] += g * g;
                found[1] += g * w;
                found[2] += r * r;
                found[3] += s * s;
                found[4] += s * w;
                found[5] += left * left;
                found[6] += kept * kept;
                found[7] += kept * w;
            }
            for (int i = 0; i < PRODUCTS; ++i) sums[PRODUCTS * row + i] = total(found[i]);
        }
    });
    for (int i = 0; i < PRODUCTS; ++i) products[i] = 0;
    for (Size row = 0; row < rows; ++row)
        for (int i = 0; i < PRODUCTS; ++i) products[i] += sums[PRODUCTS * row + i];
}

}  // namespace bptt::BPTT_ISA
