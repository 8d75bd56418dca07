// Memory that was used before: what is freed is kept, up to a limit, and given out again.
//
// An array gives its block back as it is freed, at any moment and on any thread. No code of Python's runs then: what a signal's
// handler raises in a finalizer, Ctrl-C for one, is lost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace bptt::BPTT_ISA {

class Pool {
public:
    explicit Pool(std::size_t limit) : limit_(limit) {}
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool() { release(); }

    // A block of that many bytes, at the beginning of a cache line; what stands in it is anything.
    void* take(std::size_t size) {
        {
            const std::lock_guard guard(lock_);
            const auto shelf = std::find_if(shelves_.begin(), shelves_.end(),
                                            [=](const Shelf& s) { return s.size == size && !s.blocks.empty(); });
            if (shelf != shelves_.end()) {
                void* block = shelf->blocks.back();
                shelf->blocks.pop_back();
                idle_ -= size;
                return block;
            }
        }
        void* block = ::operator new(size, LINE);
        ask_for_huge_pages(block, size);
        return block;
    }

    // Keep a block for the next who asks; the oldest go where there are too many.
    void give(void* block, std::size_t size) noexcept {
        const std::lock_guard guard(lock_);
        try {
            auto shelf = std::find_if(shelves_.begin(), shelves_.end(), [=](const Shelf& s) { return s.size == size; });
            if (shelf == shelves_.end()) shelf = shelves_.insert(shelf, Shelf{size, {}});
            shelf->blocks.push_back(block);
            std::rotate(shelf, shelf + 1, shelves_.end());  // the last of the order now
        } catch (const std::bad_alloc&) {
            return ::operator delete(block, LINE);
        }
        idle_ += size;
        while (idle_ > limit_) let_one_go();
    }

    // Give all idle blocks back to the system.
    void release() noexcept {
        const std::lock_guard guard(lock_);
        while (!shelves_.empty()) let_one_go();
    }

    // Bytes that nobody uses.
    std::size_t idle() const {
        const std::lock_guard guard(lock_);
        return idle_;
    }

private:
    struct Shelf {
        std::size_t size;
        std::vector<void*> blocks;  // those given back last are kept longest
    };

    static constexpr std::align_val_t LINE{64};  // bytes of a cache line: a register that lies across two is read twice
    static constexpr std::size_t HUGE_BLOCK = std::size_t(1) << 22;

    // Of the shelf that was used longest ago.
    void let_one_go() {
        Shelf& oldest = shelves_.front();
        if (oldest.blocks.empty()) {
            shelves_.erase(shelves_.begin());
            return;
        }
        ::operator delete(oldest.blocks.back(), LINE);
        oldest.blocks.pop_back();
        idle_ -= oldest.size;
    }

    // As NumPy does: fewer pages are zeroed and looked up.
    static void ask_for_huge_pages([[maybe_unused]] void* block, [[maybe_unused]] std::size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        constexpr std::size_t PAGE = 4096;
        if (size < HUGE_BLOCK) return;
        const auto first = (reinterpret_cast<std::uintptr_t>(block) + PAGE - 1) / PAGE * PAGE;
        const auto skipped = first - reinterpret_cast<std::uintptr_t>(block);
        madvise(reinterpret_cast<void*>(first), size - skipped, MADV_HUGEPAGE);  // advice: whether it is taken changes nothing
#endif
    }

    mutable std::mutex lock_;
    std::size_t limit_, idle_ = 0;
    std::vector<Shelf> shelves_;  // the one used longest ago first
};

}  // namespace bptt::BPTT_ISA
