// The activations φ and their derivatives φ′, both from z (cells/activations.py has the same list).
#pragma once

#include <stdexcept>
#include <string>

#include "math.h"

namespace bptt::BPTT_ISA {

// A comparison with NaN is false: each choice below is written so that NaN stays NaN.

struct Tanh {
    template <class T> static Vec<T> value(Vec<T> z) { return tanh<T>(z); }
    template <class T> static Vec<T> slope(Vec<T> z) { return tanh_slope<T>(z); }
};

struct Relu {
    template <class T> static Vec<T> value(Vec<T> z) { return z <= T(0) ? Vec<T>{} : z; }
    template <class T> static Vec<T> slope(Vec<T> z) { return z > T(0) ? splat<T>(1) : Vec<T>{}; }
};

struct LeakyRelu {
    static constexpr double leak = 0.01;
    template <class T> static Vec<T> value(Vec<T> z) { return z > T(0) ? z : z * T(leak); }
    template <class T> static Vec<T> slope(Vec<T> z) { return z > T(0) ? splat<T>(1) : splat<T>(T(leak)); }
};

struct Logistic {
    template <class T> static Vec<T> value(Vec<T> z) { return logistic<T>(z); }
    template <class T> static Vec<T> slope(Vec<T> z) { return logistic_slope<T>(z); }
};

struct Softsign {
    template <class T> static Vec<T> value(Vec<T> z) { return z / (T(1) + absolute<T>(z)); }
    template <class T> static Vec<T> slope(Vec<T> z) {
        const Vec<T> below = T(1) + absolute<T>(z);
        return T(1) / (below * below);
    }
};

struct HardTanh {
    template <class T> static Vec<T> value(Vec<T> z) {
        const Vec<T> one = splat<T>(1), above = z < -one ? -one : z;
        return above > one ? one : above;
    }
    template <class T> static Vec<T> slope(Vec<T> z) { return absolute<T>(z) < T(1) ? splat<T>(1) : Vec<T>{}; }
};

struct Identity {
    template <class T> static Vec<T> value(Vec<T> z) { return z; }
    template <class T> static Vec<T> slope(Vec<T>) { return splat<T>(1); }
};

// LeCun 1998, "Efficient BackProp": 1.7159 tanh(2z/3), 1.1439 steep at 0.
struct ScaledTanh {
    static constexpr double a = 1.7159, b = 2.0 / 3.0;
    template <class T> static Vec<T> value(Vec<T> z) { return T(a) * tanh<T>(T(b) * z); }
    template <class T> static Vec<T> slope(Vec<T> z) { return T(a * b) * tanh_slope<T>(T(b) * z); }
};

// Calls f with the activation of that number: its place in ACTIVATIONS. Any other is an error: nothing would be written.
template <class F>
inline void with_activation(int number, F&& f) {
    switch (number) {
        case 0: return f(Tanh{});
        case 1: return f(Relu{});
        case 2: return f(LeakyRelu{});
        case 3: return f(Logistic{});
        case 4: return f(Softsign{});
        case 5: return f(HardTanh{});
        case 6: return f(Identity{});
        case 7: return f(ScaledTanh{});
        default: throw std::invalid_argument("phi: expected an activation from 0 to 7, got " + std::to_string(number));
    }
}

}  // namespace bptt::BPTT_ISA
