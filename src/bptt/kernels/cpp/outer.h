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

// The rows of an operand: at one distance, or wherever a list says.
template <class T>
struct Apart {
    const T* data;
    Size stride;
    const T* operator()(Size r) const { return data + r * stride; }
};

template <class T>
struct Listed {
    const T* const* rows;
    Size shift = 0;
    const T* operator()(Size r) const { return rows[r] + shift; }
};

// Columns begin .. begin+WIDTH-1 of rows first .. first+rows-1 of x, side by side, zeros behind `end`.
template <class T, int WIDTH, class Rows>
inline void pack_columns(const Rows& x, Size first, Size rows, Size begin, Size end, T* to) {
    const Size n = end - begin;
    if (n >= WIDTH)  // a fixed size: one or a few moves
        for (Size r = 0; r < rows; ++r) std::memcpy(to + r * WIDTH, x(first + r) + begin, WIDTH * sizeof(T));
    else
        for (Size r = 0; r < rows; ++r) {
            std::memcpy(to + r * WIDTH, x(first + r) + begin, n * sizeof(T));
            std::fill(to + r * WIDTH + n, to + (r + 1) * WIDTH, T(0));
        }
}

// Adds the sums over rows of packed columns; four at a time, to have enough under way.
template <class T>
inline void add_columns(const T* packed, Size rows, Size n, T* sums) {
    T under_way[4][OUTER_HEIGHT] = {};
    for (Size r = 0; r < rows; ++r)
        for (int i = 0; i < OUTER_HEIGHT; ++i) under_way[r % 4][i] += packed[r * OUTER_HEIGHT + i];
    for (Size i = 0; i < n; ++i)
        sums[i] += (under_way[0][i] + under_way[1][i]) + (under_way[2][i] + under_way[3][i]);
}

// Calls f with how many registers of columns a tile has, a constant.
template <class F>
inline void with_columns(Size columns, F&& f) {
    if (columns == 1) f(std::integral_constant<int, 1>{});
    else if (columns == 2) f(std::integral_constant<int, 2>{});
    else f(std::integral_constant<int, OUTER_COLUMNS>{});
}

// For m of begin .. end-1. a (rows, M), b (rows, N); out (M, N) has rows at the given distance. The sums of the
// columns of a are added to sums (M,), where those are wanted.
template <class T, class RowsA, class RowsB>
void outer(const RowsA& a, const RowsB& b, Size rows, Size N, T* out, Size out_stride, Size begin, Size end,
           T* sums_of_a = nullptr) {
    const Even panels((N + W<T> - 1) / W<T>, OUTER_COLUMNS), blocks(rows, OUTER_ROWS);
    std::vector<T> packed_b(OUTER_ROWS * panels.n * W<T>), packed_a(OUTER_ROWS * OUTER_HEIGHT);
    alignas(64) T sums[ACCUMULATORS * W<T>];
    for (Size k = 0; k < blocks.parts; ++k) {
        const Size first = blocks.first(k), here = blocks.first(k + 1) - first;
        for (Size p = 0; p < panels.parts; ++p) {
            const Size column = panels.first(p) * W<T>;
            with_columns(panels.first(p + 1) - panels.first(p), [&](auto c) {
                pack_columns<T, c * W<T>>(b, first, here, column, N, &packed_b[here * column]);
            });
        }
        for (Size m = begin; m < end; m += OUTER_HEIGHT) {
            pack_columns<T, OUTER_HEIGHT>(a, first, here, m, end, packed_a.data());
            if (sums_of_a) add_columns(packed_a.data(), here, std::min<Size>(OUTER_HEIGHT, end - m), sums_of_a + m);
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
