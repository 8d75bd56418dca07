// The units of a layer shared out over threads, step by step: for a batch so small that threads would be left over. A thread
// reads its own columns of W_R alone, from its own first cache (Diamos et al. 2016, "Persistent RNNs").
//
// Threads meet after every step, some tens of nanoseconds where both run. Where one does not, since others have its
// processor, whoever waits loses milliseconds. So the steps go by chunks: a thread joins at the first chunk that begins
// after it has come, and after a few chunks that took longer than the first, which one thread does alone, it does the rest.
#pragma once

#include "product.h"
#include "team.h"

namespace bptt::BPTT_ISA {

inline constexpr Size CHUNK = 16;  // steps
inline constexpr Size FIRST_CACHE = 32 << 10;
inline constexpr int MOST_TOGETHER = 16;  // threads
inline constexpr int ATTEMPTS = 3;

class Together {
public:
    using Step = void (*)(void* context, Size i, Part part);

    Together(Size steps, Step step, void* context) : steps_(steps), step_(step), context_(context) {}

    // One thread's part: the first leads.
    void enter(int number) noexcept { number ? follow() : lead(); }

    // Never inlined: two copies of the arithmetic of a step might be rounded differently.
    [[gnu::noinline]] void take(Size first, Size last, Part part) {
        for (Size i = first; i < last; ++i) {
            step_(context_, i, part);
            if (part.of > 1) meet(i, part);
        }
    }

private:
    using Clock = std::chrono::steady_clock;

    struct alignas(64) Mark {
        std::atomic<Size> done{0};  // steps
    };

    void lead() {
        auto alone = Clock::duration::max();
        int in_vain = 0;  // chunks for which one thread would have taken less
        for (Size first = 0; first < steps_; first += CHUNK) {
            const Size parts = first == 0 || in_vain == ATTEMPTS ? 1 : std::min<Size>(1 + came_.load(), MOST_TOGETHER);
            const auto began = Clock::now();
            turn_.store(first * MOST_TOGETHER + parts - 1, std::memory_order_release);
            take(first, std::min(first + CHUNK, steps_), {0, parts});
            const auto took = Clock::now() - began;
            if (parts == 1) alone = std::min(alone, took);
            else if (took > alone) ++in_vain;
        }
        turn_.store(ENDED, std::memory_order_release);
    }

    void follow() {
        const Size number = 1 + came_.fetch_add(1);
        for (Size turn = NOT_BEGUN; number < MOST_TOGETHER;) {
            turn = after(turn);
            if (turn == ENDED) return;
            const Size first = turn / MOST_TOGETHER, parts = turn % MOST_TOGETHER + 1;
            if (number < parts) take(first, std::min(first + CHUNK, steps_), {number, parts});
        }
    }

    // Waits until all parts of step i have ended.
    void meet(Size i, Part part) {
        marks_[part.number].done.store(i + 1, std::memory_order_release);
        for (Size other = 0; other < part.of; ++other)
            for (int tries = 1; marks_[other].done.load(std::memory_order_acquire) <= i; ++tries) Team::rest(tries);
    }

    // The next turn.
    Size after(Size seen) const {
        for (int tries = 1;; ++tries) {
            const Size turn = turn_.load(std::memory_order_acquire);
            if (turn != seen) return turn;
            Team::rest(tries);
        }
    }

    static constexpr Size NOT_BEGUN = -1, ENDED = -2;

    const Size steps_;
    const Step step_;
    void* const context_;
    std::atomic<Size> turn_{NOT_BEGUN};  // of a chunk: its first step, and its parts
    std::atomic<Size> came_{0};
    Mark marks_[MOST_TOGETHER];
};

// How the steps of a loop are taken: all units by the thread that calls, or some units by each of them all.
struct EachStep {
    bool by_units = false;

    // step(i, part) for i = 0 .. steps-1; one begins when all parts of the one before have ended.
    template <class F>
    void operator()(Size steps, F step) const {
        Together all(steps, [](void* f, Size i, Part part) { (*static_cast<F*>(f))(i, part); }, &step);
        if (by_units && steps > CHUNK) share_parts(thread_count(), [&](int number, int) { all.enter(number); });
        else all.take(0, steps, {});
    }
};

// By how many threads the units are shared: by all, where there are fewer sequences; `bytes` are those of W_R.
inline Size shares(Size B, Size bytes) { return B < thread_count() && bytes > FIRST_CACHE ? thread_count() : 1; }

}  // namespace bptt::BPTT_ISA
