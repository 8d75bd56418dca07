// Transcendental functions on registers, over the whole range: tanh and the logistic function to 2 units in the
// last place, their slopes to 3.
//
//     e^x = 2^n (1 + p),   n = round(x / ln 2),   r = x - n ln 2,   p = e^r - 1 = r + r²/2! + r³/3! + ...
//
// |r| <= ln 2 / 2, so the Taylor series needs 7 terms in float and 13 in double; ln 2 is subtracted in two
// parts, the first short enough that n times it is exact (Cody & Waite 1980). NaN stays NaN.
#pragma once

#include "vec.h"

namespace bptt::BPTT_ISA {

// a / b to a unit in the last place, where 1/b is a normal number.
template <class T>
inline Vec<T> quotient(Vec<T> a, Vec<T> b) {
    return a / b;
}

#if BPTT_BYTES == 64
// A division of 16 floats takes as long as 30 products: 14 bits of 1/b, twice as many by Newton's step, then what
// is left of a.
template <>
inline Vec<float> quotient<float>(Vec<float> a, Vec<float> b) {
    const Vec<float> rough = __builtin_ia32_rcp14ps512_mask(b, Vec<float>{}, static_cast<unsigned short>(-1));
    const Vec<float> inverse = rough + rough * (1.0f - b * rough), q = a * inverse;
    return q + inverse * (a - b * q);
}
#endif

template <class T>
struct Constants;

template <>
struct Constants<float> {
    static constexpr float log2e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr float round = 12582912.0f;  // 1.5 · 2^23: adding it rounds to a whole number
    static constexpr float lowest = -104.0f;     // e^lowest is 0
    static constexpr float flat = 9.1f;          // from here tanh is 1
    static constexpr int mantissa = 23, bias = 127, terms = 7;
};

template <>
struct Constants<double> {
    static constexpr double log2e = 1.4426950408889634074, ln2_high = 6.93145751953125e-1,
                            ln2_low = 1.42860682030941723212e-6;
    static constexpr double round = 6755399441055744.0;  // 1.5 · 2^52
    static constexpr double lowest = -746.0;
    static constexpr double flat = 19.1;
    static constexpr int mantissa = 52, bias = 1023, terms = 13;
};

// 1 / k!
template <class T>
constexpr T inverse_factorial(int k) {
    T value = 1;
    for (int i = 2; i <= k; ++i) value /= T(i);
    return value;
}

template <class T>
struct Exponential {
    Vec<T> p;  // e^r - 1
    Int<T> n;
};

template <class T>
inline Exponential<T> exponential(Vec<T> x) {
    using C = Constants<T>;
    const Vec<T> shifted = x * C::log2e + C::round;
    const Vec<T> n = shifted - C::round;
    const Vec<T> high = x - n * C::ln2_high, r = high - n * C::ln2_low;
    const Vec<T> lost = (high - r) - n * C::ln2_low;  // of r, in rounding
    Vec<T> q = splat<T>(T(inverse_factorial<double>(C::terms)));
#pragma GCC unroll 16
    for (int k = C::terms - 1; k >= 2; --k) q = q * r + T(inverse_factorial<double>(k));
    return {r + (r * r * q + lost), bits<T>(shifted) - bits<T>(splat<T>(C::round))};
}

// 2^n for n within the normal range.
template <class T>
inline Vec<T> power_of_two(Int<T> n) {
    using C = Constants<T>;
    return from_bits<T>((n + C::bias) << C::mantissa);
}

// e^x for x <= 0, down to the last denormal.
template <class T>
inline Vec<T> exp_negative(Vec<T> x) {
    const Vec<T> lowest = splat<T>(Constants<T>::lowest);
    const auto [p, n] = exponential<T>(x < lowest ? lowest : x);
    const Int<T> half = n >> 1;  // in two steps: 2^n itself may not be a normal number
    return (power_of_two<T>(half) + power_of_two<T>(half) * p) * power_of_two<T>(n - half);
}

// tanh x = m / (m + 2), m = e^{2|x|} - 1 = 2^n p + (2^n - 1).
template <class T>
inline Vec<T> tanh(Vec<T> x) {
    const Vec<T> flat = splat<T>(Constants<T>::flat), size = absolute<T>(x);
    const auto [p, n] = exponential<T>(T(2) * (size > flat ? flat : size));
    const Vec<T> scale = power_of_two<T>(n);
    const Vec<T> m = scale * p + (scale - T(1));
    const Vec<T> below = m + T(2), lost = m - (below - T(2)), q = quotient<T>(m, below);
    // What rounding lost of the denominator, to first order; 1 / (m + 2) = (1 - tanh) / 2.
    const Vec<T> value = q - q * lost * (T(0.5) - T(0.5) * q), one = splat<T>(1);
    return with_sign_of<T>(value > one ? one : value, x);
}

// σ(x) = 1 / (1 + e^-x).
template <class T>
inline Vec<T> logistic(Vec<T> x) {
    const Vec<T> e = exp_negative<T>(-absolute<T>(x)), below = T(1) + e, lost = e - (below - T(1));
    const Vec<T> q = quotient<T>(x >= T(0) ? splat<T>(1) : e, below);
    return q - q * lost;
}

// σ′(x) = e / (1 + e)², e = e^-|x|.
template <class T>
inline Vec<T> logistic_slope(Vec<T> x) {
    const Vec<T> e = exp_negative<T>(-absolute<T>(x));
    return e / (T(1) + e * (T(2) + e));
}

// tanh′(x) = 4 σ′(2x), to full relative accuracy in both tails.
template <class T>
inline Vec<T> tanh_slope(Vec<T> x) {
    return T(4) * logistic_slope<T>(T(2) * x);
}

}  // namespace bptt::BPTT_ISA
