// What module.cpp takes from pool_module.cpp.
#pragma once

#include <nanobind/nanobind.h>

namespace bptt::BPTT_ISA {

void bind_pool(nanobind::module_& m);

}  // namespace bptt::BPTT_ISA
