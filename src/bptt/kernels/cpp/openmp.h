// The threads of an OpenMP runtime that is in the process already, PyTorch's as a rule.
//
// Its threads look for work for milliseconds after every parallel region, and would keep threads of our own from
// the processor. So ours run on them: GOMP_parallel is looked up while the process runs, in libtorch_cpu's runtime
// first, then in any libgomp. Nothing is loaded or linked for it. (LLVM's and Intel's runtimes export the function
// too, for programs built by gcc.)
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "process.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>
#endif

namespace bptt::BPTT_ISA {

// Calls part(context) on that many threads, the caller's included, and waits for all.
using Parallel = void (*)(void (*part)(void*), void* context, unsigned threads, unsigned flags);

#if defined(__linux__)

struct Lookup {
    unsigned long long loaded = 0;  // objects that the process has ever loaded
    std::string of_torch, other;    // paths

    static int count(dl_phdr_info* info, size_t, void* self) {
        static_cast<Lookup*>(self)->loaded = info->dlpi_adds;
        return 1;
    }
    static int visit(dl_phdr_info* info, size_t, void* self) {
        auto& found = *static_cast<Lookup*>(self);
        const std::string_view path = info->dlpi_name ? info->dlpi_name : "";
        const std::string_view name = path.substr(path.rfind('/') + 1);
        if (name.starts_with("libtorch_cpu.")) found.of_torch = path;
        else if (name.starts_with("libgomp") && found.other.empty()) found.other = path;
        return 0;
    }
};

// As the object at that path sees it: its own, or that of what it was linked with.
inline Parallel parallel_of(const std::string& path) {
    void* const object = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (!object) return nullptr;
    const auto found = reinterpret_cast<Parallel>(dlsym(object, "GOMP_parallel"));
    dlclose(object);  // takes back this look's claim alone: the object stays loaded
    return found;
}

inline const long process_at_start = this_process();

// Null where there is none. A process that was forked has none either: the runtime does not know that its threads
// stayed behind, and would wait for them for ever.
inline Parallel shared_threads() {
    static std::atomic<unsigned long long> searched{0};
    static std::atomic<Parallel> parallel{nullptr};
    if (process_at_start != this_process()) return nullptr;
    Lookup lookup;
    dl_iterate_phdr(&Lookup::count, &lookup);
    if (lookup.loaded != searched.load()) {
        dl_iterate_phdr(&Lookup::visit, &lookup);
        const Parallel of_torch = parallel_of(lookup.of_torch);
        parallel.store(of_torch ? of_torch : parallel_of(lookup.other));
        searched.store(lookup.loaded);
    }
    return parallel.load();
}

#else

inline Parallel shared_threads() { return nullptr; }

#endif

}  // namespace bptt::BPTT_ISA
