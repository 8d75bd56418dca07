// One register of numbers, by the compiler's vector extensions: the same source for every instruction set.
//
// BPTT_BYTES is the register's width and BPTT_REGISTERS how many there are; CMakeLists.txt sets them with the
// flags of each instruction set. Everything lives in a namespace of that name: the linker must not
// take the AVX-512 build of an inline function for the one of a machine without it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace bptt::BPTT_ISA {

using Size = std::ptrdiff_t;

template <class T>
struct Lanes;

template <>
struct Lanes<float> {
    typedef float Vec __attribute__((vector_size(BPTT_BYTES)));
    typedef std::int32_t Int __attribute__((vector_size(BPTT_BYTES)));
    using Bits = std::int32_t;
};

template <>
struct Lanes<double> {
    typedef double Vec __attribute__((vector_size(BPTT_BYTES)));
    typedef std::int64_t Int __attribute__((vector_size(BPTT_BYTES)));
    using Bits = std::int64_t;
};

template <class T>
using Vec = typename Lanes<T>::Vec;
template <class T>
using Int = typename Lanes<T>::Int;
template <class T>
inline constexpr Size W = BPTT_BYTES / sizeof(T);  // numbers in a register

template <class T>
inline Vec<T> splat(T value) {
    return value - Vec<T>{};
}

template <class T>
inline Vec<T> load(const T* from) {
    Vec<T> v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class T>
inline void store(T* to, Vec<T> v) {
    std::memcpy(to, &v, sizeof v);
}

// The first n numbers; the others are zero.
template <class T>
inline Vec<T> load(const T* from, Size n) {
    if (n >= W<T>) return load(from);
    T numbers[W<T>] = {};
    for (Size i = 0; i < n; ++i) numbers[i] = from[i];
    return load(numbers);
}

template <class T>
inline void store(T* to, Vec<T> v, Size n) {
    if (n >= W<T>) return store(to, v);
    T numbers[W<T>];
    store(numbers, v);
    for (Size i = 0; i < n; ++i) to[i] = numbers[i];
}

template <class T>
inline Int<T> bits(Vec<T> v) {
    return std::bit_cast<Int<T>>(v);
}

template <class T>
inline Vec<T> from_bits(Int<T> i) {
    return std::bit_cast<Vec<T>>(i);
}

template <class T>
inline Int<T> sign_bit() {
    return bits<T>(splat<T>(T(-0.0)));
}

template <class T>
inline Vec<T> absolute(Vec<T> x) {
    return from_bits<T>(bits<T>(x) & ~sign_bit<T>());
}

template <class T>
inline Vec<T> with_sign_of(Vec<T> size, Vec<T> x) {
    return from_bits<T>(bits<T>(size) | (bits<T>(x) & sign_bit<T>()));
}

// Halves of a and b exchanged: with S the distance, lanes i with and without that bit.
template <class T, Size S, bool UPPER, Size... I>
inline Vec<T> exchanged(Vec<T> a, Vec<T> b, std::integer_sequence<Size, I...>) {
    if constexpr (UPPER) return __builtin_shufflevector(a, b, (I & S ? W<T> + I : I + S)...);
    else return __builtin_shufflevector(a, b, (I & S ? W<T> + I - S : I)...);
}

// Rows to columns, of a square of registers: halves exchanged at distance S, S/2, ..., 1.
template <class T, Size S = W<T> / 2>
inline void transpose(Vec<T> (&rows)[W<T>]) {
    const std::make_integer_sequence<Size, W<T>> lanes;
#pragma GCC unroll 16
    for (Size r = 0; r < W<T>; ++r) {
        if (r & S) continue;
        const Vec<T> a = rows[r], b = rows[r + S];
        rows[r] = exchanged<T, S, false>(a, b, lanes);
        rows[r + S] = exchanged<T, S, true>(a, b, lanes);
    }
    if constexpr (S > 1) transpose<T, S / 2>(rows);
}

// Σ v² in double whatever T is: squares of floats leave the range of floats.
inline void add_squares(Vec<double>& sum, Vec<double> v) { sum += v * v; }

inline void add_squares(Vec<double>& sum, Vec<float> v) {
    typedef float Half __attribute__((vector_size(BPTT_BYTES / 2)));
    struct Halves {
        Half low, high;
    };
    const auto [low, high] = std::bit_cast<Halves>(v);
    add_squares(sum, __builtin_convertvector(low, Vec<double>));
    add_squares(sum, __builtin_convertvector(high, Vec<double>));
}

inline double total(Vec<double> v) {
    double sum = 0;
    for (Size i = 0; i < W<double>; ++i) sum += v[i];
    return sum;
}

}  // namespace bptt::BPTT_ISA
