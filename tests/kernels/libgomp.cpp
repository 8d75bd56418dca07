// The threads of GCC's OpenMP runtime, made for the thread sanitizer, which does not see how libgomp hands work over and would call
// that a race. Here each hand-over is a mutex and a condition variable, and nothing else is in order: whatever two
// ranges, or a range and its caller, do at the same time is seen. `make sanitize-threads` builds it and loads it first.
//
// Its threads stay from region to region, as libgomp's do, and each caller has its own.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace {

using Part = void (*)(void*);

class Team {
public:
    ~Team() { run(nullptr, nullptr, 1); }  // no part: its threads end

    // part(data) on that many threads, the caller's included; then waits for all.
    void run(Part part, void* data, int count) {
        for (; threads_ < count; ++threads_)
            std::thread([this, number = threads_, turn = turn_] { serve(number, turn); }).detach();
        {
            const std::lock_guard guard(lock_);
            part_ = part, data_ = data, count_ = count, left_ = threads_ - 1;
            ++turn_;
            changed_.notify_all();
        }
        if (part) part(data);
        std::unique_lock guard(lock_);
        changed_.wait(guard, [this] { return left_ == 0; });
    }

private:
    void serve(int number, long seen) {
        for (std::unique_lock guard(lock_);;) {
            changed_.wait(guard, [&] { return turn_ != seen; });
            seen = turn_;
            const Part part = part_;
            if (part && number < count_) {
                void* const data = data_;
                guard.unlock();
                part(data);
                guard.lock();
            }
            --left_;
            changed_.notify_all();
            if (!part) return;
        }
    }

    std::mutex lock_;
    std::condition_variable changed_;
    Part part_ = nullptr;
    void* data_ = nullptr;
    int threads_ = 1, count_ = 1, left_ = 0;
    long turn_ = 0;
};

thread_local std::unique_ptr<Team> own;
thread_local bool inside = false;

}  // namespace

extern "C" void GOMP_parallel(Part part, void* data, unsigned threads, unsigned) {
    static constexpr auto entered = [](void* context) {
        const auto& [part, data] = *static_cast<std::pair<Part, void*>*>(context);
        inside = true;
        part(data);
        inside = false;
    };
    if (inside || threads < 2) return part(data);  // a region within a region has one thread
    if (!own) own = std::make_unique<Team>();
    std::pair<Part, void*> context(part, data);
    own->run(entered, &context, int(threads));
}
