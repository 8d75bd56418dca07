// What stopping behind each lag keeps of a gradient W = Σ_k G_k: sums of matrices and their products, in one pass.
//
//     S ← s S + g G            what a window of K steps keeps, Σ_{k<K} G_k
//     R ← r R - g' G           what it leaves out, W - S
//     N ← n N + n' S           K times what chunks of K steps keep, Σ_{k<K} (K - k) G_k
//     L ← l L + l' R           K times what they leave out
//     ⟨G, G⟩  ⟨G, W⟩  ⟨R, R⟩  ⟨S, S⟩  ⟨S, W⟩  ⟨L, L⟩  ⟨N, N⟩  ⟨N, W⟩
//
// Some lags are counted in one call: a row of the sums stays in cache from one to the next.
#pragma once

#include <array>
#include <vector>

#include "team.h"

namespace bptt::BPTT_ISA {

template <class T>
struct Sums {
    T *S, *R, *N, *L;
};

constexpr int PRODUCTS = 8;
using Factors = std::array<double, 8>;  // s, g, r, g', n, n', l, l'
using Products = std::array<double, PRODUCTS>;

// One row of one lag: the sums behind it, and its part of the products.
inline void bill_row(const double* G, const double* W_, const Sums<const double>& from, const Sums<double>& to, Size first,
                     Size columns, const Factors& by, double* products) {
    Vec<double> found[PRODUCTS] = {};
    for (Size j = 0; j < columns; j += W<double>) {
        const Size at = first + j, n = std::min(W<double>, columns - j);
        const Vec<double> g = load(G + at, n), w = load(W_ + at, n);
        const Vec<double> s = by[0] * load(from.S + at, n) + by[1] * g;
        const Vec<double> r = by[2] * load(from.R + at, n) - by[3] * g;
        const Vec<double> kept = by[4] * load(from.N + at, n) + by[5] * s;
        const Vec<double> left = by[6] * load(from.L + at, n) + by[7] * r;
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
    for (int i = 0; i < PRODUCTS; ++i) products[i] = total(found[i]);
}

// Matrices (rows, columns) in double: the sums `from` before the first lag, `to` behind the last. The first lag has factors of
// its own. Products go by rows, then over rows: the same for any number of threads.
inline void bill(const std::vector<const double*>& lags, const double* W_, const Sums<const double>& from,
                 const Sums<double>& to, Size rows, Size columns, const Factors& first, const Factors& then,
                 std::vector<Products>& products) {
    const Size count = lags.size();
    std::vector<double> sums(count * rows * PRODUCTS);
    share(rows, 30.0 * rows * columns * count, [&](Size begin, Size end) {
        for (Size row = begin; row < end; ++row)
            for (Size k = 0; k < count; ++k) {
                const Sums<const double> own = k ? Sums<const double>{to.S, to.R, to.N, to.L} : from;
                bill_row(lags[k], W_, own, to, row * columns, columns, k ? then : first,
                         sums.data() + (k * rows + row) * PRODUCTS);
            }
    });
    products.assign(count, {});
    for (Size k = 0; k < count; ++k)
        for (Size row = 0; row < rows; ++row)
            for (int i = 0; i < PRODUCTS; ++i) products[k][i] += sums[(k * rows + row) * PRODUCTS + i];
}

}  // namespace bptt::BPTT_ISA
