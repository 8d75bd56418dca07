// Pages of 2 MB for much new memory: the system clears and hands over a page at its first use, and of pages of 4 kB that
// takes a sixth of a training step of a large layer. NumPy asks for its arrays likewise.
#pragma once

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bptt::BPTT_ISA {

inline constexpr std::uintptr_t MUCH = 4 << 20;  // bytes; less is given back by malloc without asking the system

// A wish: where the system grants none, nothing changes.
inline void in_large_pages([[maybe_unused]] std::uintptr_t begin, [[maybe_unused]] std::uintptr_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr std::uintptr_t page = 2 << 20;
    const std::uintptr_t first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;
    if (bytes >= MUCH && first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

}  // namespace bptt::BPTT_ISA
