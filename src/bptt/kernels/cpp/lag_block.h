// Several steps back in lag in one call, of few enough units that the sums of some lags fit a cache.
//
// What one loss step sends back meets no other on its way: so a thread takes some rows through all lags of the block while
// they are in its cache, and adds what they have in G of each lag to sums of its own.
#pragma once

#include "lag_step.h"
#include "outer.h"

namespace bptt::BPTT_ISA {

inline constexpr Size BLOCK_ROWS = 256;  // that go through all lags at once

// Row r = i·B + b is the error of loss step i and sequence b. At lag j of the block it stands at step first + i - j of what
// `back` and `h_prev` have; from step 0 it goes no further.
template <class T>
struct Block {
    Size N, B, H, first, lags;
    const T* d;       // (N·B, S)
    const T* h_prev;  // at row 0 the state before step 0; rows h_stride apart
    Size h_stride;
    T* next;          // what arrives behind the last lag: (rows that are left, S)
    double* squares;  // (lags, 5, N·B) in the order of `Norms`, by row; zero of rows that have ended

    // Rows that have ended before lag j: the first ones.
    Size ended(Size j) const { return std::clamp<Size>(j - first, 0, N) * B; }
    Lag<T> lag(Size j, Size begin, Size end) const {
        const Size rows = N * B, cut = std::max<Size>(0, std::min(ended(j + 1), end) - begin);
        double *own = squares + j * 5 * rows + begin, *on = own + cut;
        return {end - begin, cut, H, nullptr, nullptr, nullptr,
                {own, on + rows, on + 2 * rows, on + 3 * rows, on + 4 * rows}, 0, end - begin};
    }
};

// Rows begin .. end-1 through all lags; what they have in G of lag j is added to sums (lags, G·H, H).
template <class Back, class T>
void lag_block(const Block<T>& all, const Packed<T>& W_R, const Back& back, Size begin, Size end, T* sums) {
    const Size M = Back::G * all.H, S = Back::S * all.H, left = all.ended(all.lags);
    std::vector<T> dz((end - begin) * M), rows[2];
    for (auto& some : rows) some.resize((end - begin) * S);
    const T* d = all.d + begin * S;
    for (Size j = 0, from = begin; j < all.lags && from < end; ++j) {
        Lag<T> lag = all.lag(j, from, end);
        const Size step = from + (all.first - j) * all.B, on = from + lag.cut;
        lag.d = d, lag.dz = dz.data();
        lag.next = j + 1 < all.lags ? rows[j % 2].data() : all.next + (on - left) * S;
        lag_step(lag, W_R, back.from(step));
        const Apart<T> errors{lag.dz, M}, states{all.h_prev + step * all.h_stride, all.h_stride};
        const Right<T, Apart<T>> only[] = {{states, all.H, sums + j * M * all.H, all.H, 0, M}};
        outer(errors, only, lag.rows, M, 0, M);
        d = lag.next, from = on;
    }
}

// All rows. `sums` (parts, lags, G·H, H) is room to work in, out (lags, G·H, H) takes every G, largest (lags,) its largest
// entry, totals (lags,) what is said of all rows. The parts, not the threads, say in which order numbers are added.
template <class Back, class T>
void lag_block(const Block<T>& all, const Packed<T>& W_R, const Back& back, T* sums, Size parts, double* out,
               double* largest, Totals* totals_of) {
    const Size rows = all.N * all.B, numbers = Back::G * all.H * all.H, whole = all.lags * numbers;
    const double flops = 4.0 * rows * numbers * all.lags;
    share(parts, flops, [&](Size first, Size last) {
        for (Size part = first; part < last; ++part) {
            const Size begin = part * rows / parts;
            const Even some((part + 1) * rows / parts - begin, BLOCK_ROWS);
            std::fill_n(sums + part * whole, whole, T(0));
            for (Size i = 0; i < some.parts; ++i)
                lag_block(all, W_R, back, begin + some.first(i), begin + some.first(i + 1), sums + part * whole);
        }
    });
    share(all.lags, flops, [&](Size first, Size last) {
        for (Size j = first; j < last; ++j) {
            double* to = out + j * numbers;
            std::copy_n(sums + j * numbers, numbers, to);
            for (Size part = 1; part < parts; ++part)
                for (Size i = 0; i < numbers; ++i) to[i] += double(sums[part * whole + j * numbers + i]);
            largest[j] = largest_size(to, numbers);
            for (Size name = 0; name < 5; ++name)
                std::fill_n(all.squares + (5 * j + name) * rows, all.ended(name ? j + 1 : j), 0.0);
            totals_of[j] = totals<Back>(all.lag(j, all.ended(j), rows));
        }
    });
}

}  // namespace bptt::BPTT_ISA
