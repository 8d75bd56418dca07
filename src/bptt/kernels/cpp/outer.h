// The sum of outer products over rows: a weight gradient, one matrix product after the loop.
//
//     out[m, n] += Σ_r a[r, m] b[r, n]
//
// Both sides are packed by blocks of rows into panels that one tile reads in a line, the blocks' sums are
// added up in their order (Goto & van de Geijn 2008). A thread takes a range of m, and all of n.
#pragma once

#include "product.h"
#include "team.h"

namespace bptt::BPTT_ISA {

inline constexpr Size OUTER_ROWS = 256;  // of a block
inline constexpr int OUTER_COLUMNS = BPTT_REGISTERS == 32 ? 3 : 2;
inline constexpr Size OUTER_SUMS = 128 << 10, OUTER_PARTS = 16;  // bytes of a part's sums, and parts
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
    const T* operator()(Size r) const { return rows[r]; }
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

// One right side, and where its sums go: column m of the left belongs to row (m - first + turn) mod (last - first)
// of out, for first <= m < last.
template <class T, class Rows>
struct Right {
    Rows rows;
    Size N;
    T* out;  // (last - first, N), rows `stride` apart
    Size stride, first, last, turn = 0;

    bool takes(Size m) const { return out && first <= m && m < last; }
    T* to(Size m) const { return out + (m - first + turn) % (last - first) * stride; }
};

// For m of begin .. end-1 of the left side a (rows, M), with every right side that takes m. No tile has columns of
// two blocks of `block`, at whose bounds the right sides begin, end and turn. The sums of the columns of a are added
// to sums (M,), where those are wanted.
template <class T, class RowsA, class RowsB, size_t COUNT>
void outer(const RowsA& a, const Right<T, RowsB> (&rights)[COUNT], Size rows, Size block, Size begin, Size end,
           T* sums_of_a = nullptr) {
    const Even blocks(rows, OUTER_ROWS);
    const auto registers = [](const Right<T, RowsB>& b) { return b.out ? (b.N + W<T> - 1) / W<T> : 0; };
    Size total = 0;
    for (const auto& b : rights) total += registers(b);
    std::vector<T> packed_b(OUTER_ROWS * total * W<T>), packed_a(OUTER_ROWS * OUTER_HEIGHT);
    alignas(64) T sums[ACCUMULATORS * W<T>];
    // Calls f with each panel of a right side: its first column, its registers (a constant), where it is packed.
    const auto each_panel = [&](const Right<T, RowsB>& b, Size here, T* packed, auto&& f) {
        const Even panels(registers(b), OUTER_COLUMNS);
        for (Size p = 0; p < panels.parts; ++p) {
            const Size column = panels.first(p) * W<T>;
            with_columns(panels.first(p + 1) - panels.first(p), [&](auto c) { f(column, c, packed + here * column); });
        }
    };
    for (Size k = 0; k < blocks.parts; ++k) {
        const Size first = blocks.first(k), here = blocks.first(k + 1) - first;
        T* packed = packed_b.data();
        for (const auto& b : rights) {
            each_panel(b, here, packed, [&](Size column, auto c, T* to) {
                pack_columns<T, c * W<T>>(b.rows, first, here, column, b.N, to);
            });
            packed += here * registers(b) * W<T>;
        }
        for (Size m = begin, next; m < end; m = next) {
            next = std::min({m + OUTER_HEIGHT, (m / block + 1) * block, end});
            pack_columns<T, OUTER_HEIGHT>(a, first, here, m, next, packed_a.data());
            if (sums_of_a) add_columns(packed_a.data(), here, next - m, sums_of_a + m);
            packed = packed_b.data();
            for (const auto& b : rights) {
                if (b.takes(m))
                    each_panel(b, here, packed, [&](Size column, auto c, const T* from) {
                        outer_tile<T, c>(packed_a.data(), from, here, sums);
                        for (Size i = 0; i < next - m; ++i)
                            for (Size j = 0; j < c; ++j) {
                                T* to = b.to(m) + i * b.stride + column + j * W<T>;
                                const Size lanes = std::min(W<T>, b.N - column - j * W<T>);
                                store(to, load(to, lanes) + load(sums + (i * c + j) * W<T>), lanes);
                            }
                    });
                packed += here * registers(b) * W<T>;
            }
        }
    }
}

// The largest |out|; NaN if one is no number.
inline double largest_size(const double* out, Size n) {
    Vec<double> most = {}, odd = {};
    for (Size i = 0; i < n; i += W<double>) {
        const Vec<double> v = load(out + i, std::min(W<double>, n - i)), size = v < 0 ? -v : v;
        most = size > most ? size : most;
        odd += v - v;  // NaN of NaN, and of infinity
    }
    double largest = total(odd);
    for (Size i = 0; i < W<double>; ++i) largest = largest < most[i] ? most[i] : largest;
    return largest;
}

// The same of all columns in double: float sums over parts of the rows, added up in double in the order of the parts.
// Parts that stay with a thread from call to call find their rows in its cache. Where the sums of every part would not fit
// beside them there is one part, and the columns of a are shared out. Gives `largest_size` of them.
template <class T>
double outer_in_double(const Apart<T>& a, const Apart<T>& b, Size rows, Size M, Size N, double* out) {
    const bool apart = rows >= OUTER_ROWS && M * N * Size(sizeof(T)) <= OUTER_SUMS;
    const Size many = std::min(OUTER_PARTS, 2 * Even(rows, 2 * OUTER_ROWS).parts);
    const Even parts(rows, apart ? Even(rows, many).parts : rows);
    std::vector<T> sums(parts.parts * M * N);
    const auto add = [&](Size part, Size begin, Size end) {
        const Size first = parts.first(part);
        const Apart<T> left{a.data + first * a.stride, a.stride}, right{b.data + first * b.stride, b.stride};
        const Right<T, Apart<T>> only[] = {{right, N, sums.data() + part * M * N, N, 0, M}};
        outer(left, only, parts.first(part + 1) - first, M, begin, end);
    };
    const double flops = 2.0 * rows * M * N;
    if (apart)
        share(parts.parts, flops, [&](Size begin, Size end) {
            for (Size part = begin; part < end; ++part) add(part, 0, M);
        });
    else
        share(M, flops, [&](Size begin, Size end) { add(0, begin, end); }, OUTER_HEIGHT);
    std::copy_n(sums.data(), M * N, out);
    for (Size part = 1; part < parts.parts; ++part)
        for (Size i = 0; i < M * N; ++i) out[i] += double(sums[part * M * N + i]);
    return largest_size(out, M * N);
}

}  // namespace bptt::BPTT_ISA
