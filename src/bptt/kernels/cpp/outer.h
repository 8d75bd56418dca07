// The sum of outer products over rows: a weight gradient, one matrix product after the loop.
//
//     out[m, n] += Σ_r a[r, m] b[r, n]
//
// Both sides are packed by blocks of rows into panels that one tile reads in a line, the blocks' sums are
// added up in their order (Goto & van de Geijn 2008). A thread takes a range of m, and all of n.
#pragma once

#include "product.h"

namespace bptt::BPTT_ISA {

inline constexpr Size OUTER_ROWS = 256;  // of a block
inline constexpr int OUTER_COLUMNS = BPTT_REGISTERS == 32 ? 3 : 2;
inline constexpr int OUTER_HEIGHT = ACCUMULATORS / OUTER_COLUMNS;

// Σ_r a[r][i] b[r][c] of M columns of a by C registers of b, added to out.
template <class T, int C>
void outer_tile(const T* a, const T* b, Size rows, T* out) {
    Vec<T> sums[OUTER_HEIGHT][C] = {};
    for (Size r = 0; r < rows; ++r, a += OUTER_HEIGHT, b += C * W<T>) {
        Vec<T> column[C];
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) column[c] = load(b + c * W<T>);
#pragma GCC unroll 8
        for (int i = 0; i < OUTER_HEIGHT; ++i) {
            const Vec<T> number = splat(a[i]);
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c) sums[i][c] += number * column[c];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < OUTER_HEIGHT; ++i)
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) store(out + (i * C + c) * W<T>, sums[i][c]);
}

// Columns begin .. begin+width-1 of rows of x, side by side, zeros behind `end`.
template <class T, int WIDTH>
inline void pack_columns(const T* x, Size stride, Size rows, Size begin, Size end, T* to) {
    const Size n = end - begin;
    if (n >= WIDTH)  // a fixed size: one or a few moves
        for (Size r = 0; r < rows; ++r) std::memcpy(to + r * WIDTH, x + r * stride + begin, WIDTH * sizeof(T));
    else
        for (Size r = 0; r < rows; ++r) {
            std::memcpy(to + r * WIDTH, x + r * stride + begin, n * sizeof(T));
            std::fill(to + r * WIDTH + n, to + (r + 1) * WIDTH, T(0));
        }
}

// Calls f with how many registers of columns a tile has, a constant.
template <class F>
inline void with_columns(Size columns, F&& f) {
    if (columns == 1) f(std::integral_constant<int, 1>{});
    else if (columns == 2) f(std::integral_constant<int, 2>{});
    else f(std::integral_constant<int, OUTER_COLUMNS>{});
}

// For m of begin .. end-1. a (rows, M), b (rows, N) and out (M, N) have rows of the given strides.
template <class T>
void outer(const T* a, Size a_stride, const T* b, Size b_stride, Size rows, Size N, T* out, Size out_stride,
           Size begin, Size end) {
    const Even panels((N + W<T> - 1) / W<T>, OUTER_COLUMNS), blocks(rows, OUTER_ROWS);
    std::vector<T> packed_b(OUTER_ROWS * panels.n * W<T>), packed_a(OUTER_ROWS * OUTER_HEIGHT);
    alignas(64) T sums[ACCUMULATORS * W<T>];
    for (Size k = 0; k < blocks.parts; ++k) {
        const Size first = blocks.first(k), here = blocks.first(k + 1) - first;
        for (Size p = 0; p < panels.parts; ++p) {
            const Size column = panels.first(p) * W<T>;
            with_columns(panels.first(p + 1) - panels.first(p), [&](auto c) {
                pack_columns<T, c * W<T>>(b + first * b_stride, b_stride, here, column, N, &packed_b[here * column]);
            });
        }
        for (Size m = begin; m < end; m += OUTER_HEIGHT) {
            pack_columns<T, OUTER_HEIGHT>(a + first * a_stride, a_stride, here, m, end, packed_a.data());
            for (Size p = 0; p < panels.parts; ++p) {
                const Size column = panels.first(p) * W<T>;
                const Size columns = panels.first(p + 1) - panels.first(p);
                with_columns(columns, [&](auto c) {
                    outer_tile<T, c>(packed_a.data(), &packed_b[here * column], here, sums);
                });
                for (Size i = 0; i < std::min<Size>(OUTER_HEIGHT, end - m); ++i)
                    for (Size c = 0; c < columns; ++c) {
                        T* to = out + (m + i) * out_stride + column + c * W<T>;
                        const Size lanes = std::min(W<T>, N - column - c * W<T>);
                        store(to, load(to, lanes) + load(sums + (i * columns + c) * W<T>), lanes);
                    }
            }
        }
    }
}

}  // namespace bptt::BPTT_ISA
