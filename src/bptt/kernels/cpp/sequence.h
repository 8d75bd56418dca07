// What the loops of the three cells share: the shape of a batch, and which of its rows to start from.
//
// A loop takes the sequences begin .. end-1 of the batch through all their steps: sequences do not meet, so
// each thread takes some and waits for nobody. `each_step` says how the units are shared (together.h).
#pragma once

#include "together.h"

namespace bptt::BPTT_ISA {

struct Sequence {
    Size T, B, H;                // steps, sequences, units
    const std::uint8_t* keep;    // (T, B) 0 where a step starts from zero; null: nowhere
    Size begin, end;             // the sequences to take

    Size rows() const { return end - begin; }
    Size at(Size t, Size b) const { return t * B + b; }
    bool kept(Size t, Size b) const { return !keep || keep[at(t, b)]; }
};

// The rows of x (·, B, width) at step t, or zeros for those that start anew.
template <class T>
class Rows {
public:
    Rows(const Sequence& s, Size width) : s_(s), width_(width), zeros_(width) {}

    auto all(const T* x, Size t) const {
        return [this, x, t](Size r) { return x + s_.at(t, s_.begin + r) * width_; };
    }

    auto kept(const T* x, Size t) const {
        return [this, x, t](Size r) {
            return s_.kept(t, s_.begin + r) ? x + s_.at(t, s_.begin + r) * width_ : zeros_.data();
        };
    }

private:
    const Sequence& s_;
    const Size width_;
    const std::vector<T> zeros_;
};

// Calls done(unit, n) for each register of units.
template <class T, class Done>
inline void for_units(Size H, Done&& done) {
    for (Size unit = 0; unit < H; unit += W<T>) done(unit, std::min(W<T>, H - unit));
}

}  // namespace bptt::BPTT_ISA
