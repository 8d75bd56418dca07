// The instruction sets that the processor and the system can run, best first.
#pragma once

#include <vector>

#if defined(_MSC_VER) && defined(__x86_64__)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace bptt::BPTT_ISA {

#if defined(_MSC_VER) && defined(__x86_64__)

// clang-cl links with Microsoft's runtime, which has no __cpu_model for __builtin_cpu_supports. Bits: Intel 64 and IA-32 Architectures
// Software Developer's Manual, volume 2, CPUID; volume 1, 13.3, XCR0.
__attribute__((target("xsave"))) inline std::vector<const char*> supported_sets() {
    std::vector<const char*> names;
    int leaf[4];
    __cpuid(leaf, 0);
    if (leaf[0] >= 7) {
        __cpuid(leaf, 1);
        const auto bit = [&](int word, int n) { return (unsigned(leaf[word]) >> n & 1u) != 0; };
        const bool fma = bit(2, 12);
        const unsigned long long kept = bit(2, 27) ? _xgetbv(0) : 0;  // registers that the system saves
        __cpuidex(leaf, 7, 0);
        if ((kept & 0xe6) == 0xe6 && bit(1, 16) && bit(1, 17) && bit(1, 30) && bit(1, 31)) names.push_back("avx512");
        if ((kept & 0x6) == 0x6 && bit(1, 5) && fma) names.push_back("avx2");
    }
    names.push_back("baseline");
    return names;
}

#else

inline std::vector<const char*> supported_sets() {
    std::vector<const char*> names;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        names.push_back("avx512");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.push_back("avx2");
#endif
    names.push_back("baseline");
    return names;
}

#endif

}  // namespace bptt::BPTT_ISA
