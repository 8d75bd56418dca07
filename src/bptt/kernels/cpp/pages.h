// Huge pages for much new memory: the system clears and hands over a page at its first use, and of pages of 4 kB that takes
// a sixth of a training step of a large layer. NumPy asks for its arrays likewise.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bptt::BPTT_ISA {

// A wish for blocks of 4 MB and more; smaller ones are memory that the process has already.
inline void ask_for_huge_pages([[maybe_unused]] std::uintptr_t block, [[maybe_unused]] std::size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr std::size_t PAGE = 4096, MUCH = std::size_t(1) << 22;
    if (size < MUCH) return;
    const auto first = (block + PAGE - 1) / PAGE * PAGE;
    madvise(reinterpret_cast<void*>(first), size - (first - block), MADV_HUGEPAGE);  // granted or not, nothing changes
#endif
}

}  // namespace bptt::BPTT_ISA
