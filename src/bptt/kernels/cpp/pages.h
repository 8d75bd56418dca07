// Huge pages for memory that is kept: the system clears and hands over a page at its first use. NumPy asks for its arrays likewise.
// Not for what is freed after every step: a virtual machine may give a free huge page back to its host, and then each
// costs milliseconds again.
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
