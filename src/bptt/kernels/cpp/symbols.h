// One-hot inputs: W_F x is a column of W_F, and a gradient by W_F a sum over the rows of each symbol.
#pragma once

#include <cstdint>
#include <cstring>

#include "vec.h"

namespace bptt::BPTT_ISA {

// out[r, :] = table[codes[r], :] for rows begin .. end-1.
template <class T>
void look_up(const T* table, Size width, const std::int64_t* codes, T* out, Size out_stride, Size begin, Size end) {
    for (Size r = begin; r < end; ++r) std::memcpy(out + r * out_stride, table + codes[r] * width, width * sizeof(T));
}

// out[codes[r], j] += rows[r, j] for columns begin .. end-1, row after row.
template <class T>
void add_up(const T* rows, Size stride, const std::int64_t* codes, Size count, T* out, Size width, Size begin, Size end) {
    for (Size r = 0; r < count; ++r)
        for (Size j = begin; j < end; j += W<T>) {
            const Size lanes = std::min(W<T>, end - j);
            T* to = out + codes[r] * width + j;
            store(to, load(to, lanes) + load(rows + r * stride + j, lanes), lanes);
        }
}

}  // namespace bptt::BPTT_ISA
