// Which process this is: after a fork, threads and their runtimes stay behind with the parent. Windows has no fork.
#pragma once

#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace bptt::BPTT_ISA {

#if defined(_WIN32)
inline long this_process() { return 0; }
#else
inline long this_process() { return getpid(); }
#endif

}  // namespace bptt::BPTT_ISA
