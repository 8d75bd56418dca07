// Rows times a matrix, register-blocked: up to 8 rows by a few registers of columns at a time.
//
//     out[r, :] = a[r, :] M,     a (rows, K), M (K, G·N)
//
// M is packed once into panels, so that the inner loop reads it in one line. A panel holds the columns of
// all G gates of a few registers of units: what follows the product (activation, gates, state)
// has everything it needs of a unit while the tile is in the first cache.
// Every element is summed over k = 0 .. K-1 in this order whatever block it falls into: results do not
// depend on how rows or columns are shared out. Of one row alone even and odd k are summed apart: half of its
// columns are too few sums to have under way.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <vector>

#include "vec.h"

namespace bptt::BPTT_ISA {

inline constexpr Size ACCUMULATORS = BPTT_REGISTERS == 32 ? 24 : 12;
inline constexpr Size MOST_ROWS = 8, MOST_COLUMNS = 8;  // of a tile; columns in registers

// n things in as few parts of at most `most` as it takes, sizes differing by at most one: part i's first.
struct Even {
    Size n, parts;
    Even(Size n, Size most) : n(n), parts((n + most - 1) / most) {}
    Size first(Size i) const { return i * n / parts; }
};

// One of several parts of some work, and what it takes of n things.
struct Part {
    Size number = 0, of = 1;
    Size begin(Size n) const { return n * number / of; }
    Size end(Size n) const { return n * (number + 1) / of; }
};

// How many of a batch's B rows one thread meets at once, of each of so many directions; 1 only where there is no other.
inline Size rows_of_one(Size B, Size threads, Size directions = 1) {
    return B == 1 ? 1 : std::max<Size>(2, (directions * B + threads - 1) / threads);
}

inline Size rows_of_tile(Size columns) { return std::min(MOST_ROWS, ACCUMULATORS / columns); }

template <class T>
class Packed {
public:
    Size K, N, G;
    bool single;  // meets one row alone
    Even panels;  // over the registers of units

    // `rows` is how many it will meet at once, 1 where it never meets more; `shares` threads can share its columns.
    Packed(Size K, Size N, Size G, Size rows, Size shares = 1)
        : K(K), N(N), G(G), single(rows == 1), panels(registers(N), std::min(units(G, rows), share(N, shares))),
          first_(panels.parts + 1) {
        for (Size p = 0; p < panels.parts; ++p) first_[p + 1] = first_[p] + K * columns(p) * W<T>;
        numbers_.reset(static_cast<T*>(::operator new(sizeof(T) * std::max<Size>(first_.back(), 1), ALIGN)));
    }

    // Panel p from M[k, g·N + j] = from[k·step_k + (g·N + j)·step_j]; one of the steps is 1.
    void fill(Size p, const T* from, Size step_k, Size step_j) { fill(p, from, step_k, step_j, 0, K); }

    // Of panel p what belongs to k = begin .. end-1, `from` being where M[begin, 0] is.
    void fill(Size p, const T* from, Size step_k, Size step_j, Size begin, Size end) {
        const Size first = panels.first(p) * W<T>, width = units(p) * W<T>, n = std::min(width, N - first);
        const Size line = G * width;
        T* panel = numbers_.get() + first_[p] + begin * line;
        for (Size g = 0; g < G; ++g) {
            const T* gate = from + (g * N + first) * step_j;
            T* to = panel + g * width;
            if (step_j == 1) {
                for (Size k = 0; k < end - begin; ++k) std::copy_n(gate + k * step_k, n, to + k * line);
            } else {
                for (Size k = 0; k < end - begin; k += W<T>)  // a square at a time
                    for (Size j = 0; j < n; j += W<T>) {
                        const Size lanes = std::min(W<T>, end - begin - k);
                        Vec<T> square[W<T>] = {};
                        for (Size i = 0; i < std::min(W<T>, n - j); ++i)
                            square[i] = load(gate + (j + i) * step_j + k, lanes);
                        transpose<T>(square);
                        for (Size i = 0; i < lanes; ++i) store(to + (k + i) * line + j, square[i]);
                    }
            }
            for (Size k = 0; k < end - begin; ++k) std::fill(to + k * line + n, to + k * line + width, T(0));
        }
    }

    Size units(Size p) const { return panels.first(p + 1) - panels.first(p); }
    Size columns(Size p) const { return G * units(p); }
    const T* panel(Size p) const { return numbers_.get() + first_[p]; }

private:
    static constexpr std::align_val_t ALIGN{64};
    static Size registers(Size N) { return (N + W<T> - 1) / W<T>; }
    static Size share(Size N, Size shares) { return std::max<Size>(1, (registers(N) + shares - 1) / shares); }
    struct Free {
        void operator()(T* p) const { ::operator delete(p, ALIGN); }
    };

    // Many rows: tiles as tall as they can be. Few rows: wide ones, to have enough sums under way.
    static Size units(Size G, Size rows) {
        const Size tall = BPTT_REGISTERS == 32 ? 3 : 2;
        const Size wide = ACCUMULATORS / std::clamp<Size>(rows, 1, MOST_ROWS);
        return std::max<Size>(1, std::min(std::max(tall, wide), MOST_COLUMNS) / G);
    }

    std::vector<Size> first_;
    std::unique_ptr<T, Free> numbers_;
};

// R rows by C registers: out[r][c] = Σ_k a[r][k] panel[k][c].
template <class T, int R, int C>
void tile(const T* const* a, const T* panel, Size K, T* out) {
    Vec<T> sums[R][C] = {};
    const T* row[R];
    for (int r = 0; r < R; ++r) row[r] = a[r];
    for (Size k = 0; k < K; ++k, panel += C * W<T>) {
        Vec<T> column[C];
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) column[c] = load(panel + c * W<T>);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const Vec<T> number = splat(row[r][k]);
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c) sums[r][c] += number * column[c];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) store(out + (r * C + c) * W<T>, sums[r][c]);
}

template <class T>
using Tile = void (*)(const T* const*, const T*, Size, T*);

template <class T, int R, int C>
constexpr Tile<T> tile_or_nothing() {
    if constexpr (R * C <= ACCUMULATORS) return tile<T, R, C>;
    return nullptr;
}

template <class T>
inline Tile<T> tile_of(Size rows, Size columns) {
    static constexpr auto table = []<int... I>(std::integer_sequence<int, I...>) {
        return std::array<Tile<T>, sizeof...(I)>{
            tile_or_nothing<T, I / MOST_COLUMNS + 1, I % MOST_COLUMNS + 1>()...};
    }(std::make_integer_sequence<int, MOST_ROWS * MOST_COLUMNS>{});
    return table[(rows - 1) * MOST_COLUMNS + columns - 1];
}

// The same of one row, even and odd k apart.
template <class T, int C>
void tile_of_one(const T* const* a, const T* panel, Size K, T* out) {
    const T* const row = *a;
    Vec<T> sums[2][C] = {};
    Size k = 0;
    for (; k + 2 <= K; k += 2, panel += 2 * C * W<T>)
#pragma GCC unroll 2
        for (int odd = 0; odd < 2; ++odd) {
            const Vec<T> number = splat(row[k + odd]);
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c) sums[odd][c] += number * load(panel + (odd * C + c) * W<T>);
        }
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
        if (k < K) sums[0][c] += splat(row[k]) * load(panel + c * W<T>);
        store(out + c * W<T>, sums[0][c] + sums[1][c]);
    }
}

template <class T>
inline Tile<T> tile_of_one(Size columns) {
    static constexpr auto table = []<int... I>(std::integer_sequence<int, I...>) {
        return std::array<Tile<T>, sizeof...(I)>{tile_of_one<T, I + 1>...};
    }(std::make_integer_sequence<int, MOST_COLUMNS>{});
    return table[columns - 1];
}

// Calls done(r, unit, n, sum) for each row and register of units of this part of the columns: row(r) is where row r
// stands, sum(g) are the sums of gate g for the units unit .. unit + n - 1.
template <class T, class Row, class Done>
inline void product(const Packed<T>& m, Row&& row, Size rows, Done&& done, Part part = {}) {
    alignas(64) T sums[ACCUMULATORS * W<T>];
    const T* here[MOST_ROWS];
    for (Size p = part.begin(m.panels.parts); p < part.end(m.panels.parts); ++p) {
        const Size units = m.units(p), columns = m.columns(p);
        const Even blocks(rows, m.single ? 1 : rows_of_tile(columns));
        for (Size b = 0; b < blocks.parts; ++b) {
            const Size begin = blocks.first(b), end = blocks.first(b + 1);
            for (Size r = begin; r < end; ++r) here[r - begin] = row(r);
            const Tile<T> tile = m.single ? tile_of_one<T>(columns) : tile_of<T>(end - begin, columns);
            tile(here, m.panel(p), m.K, sums);
            for (Size r = begin; r < end; ++r)
                for (Size u = 0; u < units; ++u) {
                    const Size unit = (m.panels.first(p) + u) * W<T>;
                    const T* found = sums + ((r - begin) * columns + u) * W<T>;
                    done(r, unit, std::min(W<T>, m.N - unit), [found, units](Size g) {
                        return load(found + g * units * W<T>);
                    });
                }
        }
    }
}

// How many rows of K numbers to take through all panels at a time, so that they stay in the second cache.
inline Size rows_at_once(Size K, Size bytes) {
    return std::clamp<Size>((256 << 10) / (std::max<Size>(K, 1) * bytes), 16, 256);
}

// out[r, :] = a[r, :] M + bias for rows begin .. end-1; a and out have rows of the given strides.
template <class T>
void affine(const Packed<T>& m, const T* a, Size a_stride, const T* bias, T* out, Size out_stride, Size begin,
            Size end) {
    const Even groups(end - begin, rows_at_once(m.K, sizeof(T)));
    for (Size i = 0; i < groups.parts; ++i) {
        const Size first = begin + groups.first(i), n = groups.first(i + 1) - groups.first(i);
        const auto row = [&](Size r) { return a + (first + r) * a_stride; };
        product(m, row, n, [&](Size r, Size unit, Size lanes, auto sum) {
            for (Size g = 0; g < m.G; ++g) {
                const Size column = g * m.N + unit;
                Vec<T> v = sum(g);
                if (bias) v += load(bias + column, lanes);
                store(out + (first + r) * out_stride + column, v, lanes);
            }
        });
    }
}

}  // namespace bptt::BPTT_ISA
