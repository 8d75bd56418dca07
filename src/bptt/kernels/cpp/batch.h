// Which sequences of a batch take which steps, and where their numbers stand.
//
// Sequences of different lengths come as PyTorch packs them: the longest first, batch_sizes[t] of them alive at
// step t, the rows of one step after those of the step before. Without batch_sizes all take all steps.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "vec.h"

namespace bptt::BPTT_ISA {

class Batch {
public:
    const Size T, B;  // steps, sequences

    Batch(Size T, Size B, const std::int64_t* sizes) : T(T), B(B), sizes_(sizes) {
        if (!sizes) return;
        for (Size t = 0, before = B, at = 0; t < T; before = sizes[t++]) {
            if (sizes[t] < 1 || sizes[t] > before || (t == 0 && sizes[0] != B))
                throw std::invalid_argument("batch_sizes must start with B, never grow and stay above zero");
            first_.push_back(at);
            at += sizes[t];
        }
    }

    bool packed() const { return sizes_; }
    Size alive(Size t) const { return sizes_ ? sizes_[t] : B; }  // the sequences 0 .. alive-1
    Size row(Size t, Size b) const { return (sizes_ ? first_[t] : t * B) + b; }
    Size rows() const { return row(T - 1, alive(T - 1)); }

private:
    const std::int64_t* sizes_;
    std::vector<Size> first_;
};

// Numbers of every step and sequence in memory that others laid out.
template <class T>
struct Plane {
    T* data = nullptr;
    Size step = 0, row = 0;  // numbers from step to step and from sequence to sequence

    T* at(const Batch& batch, Size t, Size b) const {
        return data + (batch.packed() ? batch.row(t, b) * row : t * step + b * row);
    }
    explicit operator bool() const { return data; }
};

// Rows of `width` numbers, one after the other.
template <class T>
Plane<T> in_line(T* data, const Batch& batch, Size width) {
    return {data, batch.B * width, width};
}

// The steps in the order in which a direction takes them.
struct Order {
    Size T;
    bool reverse;
    Size step(Size i) const { return reverse ? T - 1 - i : i; }
};

}  // namespace bptt::BPTT_ISA
