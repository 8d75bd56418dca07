// What module.cpp takes from lag_module.cpp.
#pragma once

#include <nanobind/nanobind.h>

namespace bptt::BPTT_ISA {

void bind_lags(nanobind::module_& m);

}  // namespace bptt::BPTT_ISA
