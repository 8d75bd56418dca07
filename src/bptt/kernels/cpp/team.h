// Work shared out over threads: each takes a range of rows, sequences or columns, and waits for nobody.
//
// Where a range is cut changes no result: every number is summed in the same order whoever computes it.
// A thread that has finished looks for more work for some time before it sleeps: a walk by lag hands over work
// every 100 µs, and waking a sleeping thread takes as long.
// Where another library's OpenMP threads are in the process, the work runs on those (openmp.h says why).
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "openmp.h"
#include "process.h"
#include "vec.h"

namespace bptt::BPTT_ISA {

// Below this many floating-point operations a second thread costs more than it brings.
inline constexpr double WORTHWHILE = 5e5;
// Of a product by itself, whose caller does other things before the next: by then the others sleep, or another library's
// threads have taken their processors, and to wait for them costs more than 100 µs.
inline constexpr double WORTHWHILE_ALONE = 1e7;

class Team {
public:
    explicit Team(int count) : count(count), process_(this_process()) {
        for (int number = 1; number < count; ++number) std::thread([this, number] { serve(number); }).detach();
    }

    const int count;  // threads, the caller's included

    // The team in use. Threads do not survive a fork: the child gets a team of its own. A team is never
    // deleted, since its threads may be anywhere when the process ends.
    static Team& current() {
        Team* team = slot().load();
        if (team->process_ != this_process()) slot().store(team = new Team(team->count));
        return *team;
    }
    static void resize(int count) {
        Team* old = slot().exchange(new Team(count));
        if (old->process_ == this_process()) old->run(0, nullptr, nullptr);  // no parts: its threads end
    }

    // part(context, number) for 0 .. parts-1, at most `count`, the caller's being 0; then waits for all.
    // False, and nothing done, if another caller has the team.
    bool run(int parts, void (*part)(void*, int), void* context) {
        const std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
        if (!mine) return false;
        part_ = part, context_ = context, parts_ = parts, error_ = nullptr;
        left_.store(count - 1);
        turn_.fetch_add(1);
        turn_.notify_all();
        if (parts) attempt(0);
        for (int tries = 1; left_.load() > 0; ++tries) rest(tries);
        if (error_) std::rethrow_exception(error_);
        return true;
    }

    // Between two looks. Other libraries' threads (NumPy's products) look for work in the same way:
    // whoever does not give way now and then keeps them from the processor for milliseconds.
    static void rest(int tries) {
        if (tries % 64 == 0) return std::this_thread::yield();
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ __volatile__("yield");
#endif
    }

private:
    static std::atomic<Team*>& slot() {
        static std::atomic<Team*> team = new Team(1);
        return team;
    }

    void serve(int number) {
        using Clock = std::chrono::steady_clock;
        for (unsigned seen = 0;;) {
            const auto until = Clock::now() + std::chrono::microseconds(1000);
            for (int tries = 1; turn_.load() == seen && (tries % 64 || Clock::now() < until); ++tries)
                rest(tries);
            turn_.wait(seen);
            seen = turn_.load();
            const bool last = parts_ == 0;
            if (number < parts_) attempt(number);
            left_.fetch_sub(1);
            if (last) return;
        }
    }

    void attempt(int number) {
        try {
            part_(context_, number);
        } catch (...) {
            const std::lock_guard<std::mutex> alone(error_lock_);
            error_ = std::current_exception();
        }
    }

    const long process_;
    std::mutex busy_, error_lock_;
    void (*part_)(void*, int) = nullptr;
    void* context_ = nullptr;
    int parts_ = 0;
    std::exception_ptr error_;
    std::atomic<unsigned> turn_{0};
    std::atomic<int> left_{0};
};

// part(context, number) for 0 .. parts-1 on OpenMP's threads, which may be fewer: each takes the next that is left.
inline void run_shared(Parallel parallel, int parts, void (*part)(void*, int), void* context) {
    struct Region {
        void (*part)(void*, int);
        void* context;
        int parts;
        std::atomic<int> next{0};
        std::mutex error_lock{};
        std::exception_ptr error{};

        static void enter(void* self) {
            auto& region = *static_cast<Region*>(self);
            for (int number; (number = region.next.fetch_add(1)) < region.parts;) region.attempt(number);
        }
        void attempt(int number) {
            try {
                part(context, number);
            } catch (...) {
                const std::lock_guard<std::mutex> alone(error_lock);
                error = std::current_exception();
            }
        }
    } region{part, context, parts};
    parallel(&Region::enter, &region, unsigned(parts), 0);
    if (region.error) std::rethrow_exception(region.error);
}

// How many threads a caller asks for; at first those of the team.
inline int& wanted_threads() {
    static thread_local int count = 0;
    return count;
}

// While it lives, this many threads for what this thread shares out.
class WithThreads {
public:
    explicit WithThreads(int count) : before_(std::exchange(wanted_threads(), count)) {}
    ~WithThreads() { wanted_threads() = before_; }
    WithThreads(const WithThreads&) = delete;
    WithThreads& operator=(const WithThreads&) = delete;

private:
    const int before_;
};

inline int thread_count() { return wanted_threads() ? wanted_threads() : Team::current().count; }

// Calls work(number, parts) for 0 .. parts-1, where `parts` is at most so many: at once where there are threads that have
// nothing else to do, or else one after the other.
template <class Work>
void share_parts(int most, Work&& work) {
    const Parallel parallel = most > 1 ? shared_threads() : nullptr;
    const int parts = parallel ? most : std::min(most, Team::current().count);
    if (parts <= 1) return work(0, 1);
    const auto some = [&](int number) { work(number, parts); };
    using Some = decltype(some);
    const auto call = [](void* context, int number) { (*static_cast<Some*>(context))(number); };
    void* const context = const_cast<void*>(static_cast<const void*>(&some));
    if (parallel) return run_shared(parallel, parts, call, context);
    if (!Team::current().run(parts, call, context))
        for (int number = 0; number < parts; ++number) some(number);
}

// Calls work(begin, end) for ranges that cover 0 .. n-1, starting at multiples of `align`.
template <class Work>
void share(Size n, double flops, Work&& work, Size align = 1, double worthwhile = WORTHWHILE) {
    const Size units = (n + align - 1) / align;
    const int most = flops < worthwhile ? 1 : int(std::min<Size>(thread_count(), units));
    share_parts(most, [&](int number, int parts) {
        const auto bound = [&](Size i) { return std::min(n, i * units / parts * align); };
        work(bound(number), bound(number + 1));
    });
}

}  // namespace bptt::BPTT_ISA
