// What module.cpp takes from whole_module.cpp.
#pragma once

#include <nanobind/nanobind.h>

namespace bptt::BPTT_ISA {

void bind_whole_layer(nanobind::module_& m);

}  // namespace bptt::BPTT_ISA
