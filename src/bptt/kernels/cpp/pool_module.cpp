// The pool as Python sees it: blocks of bytes as arrays, which give them back by themselves.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <memory>

#include "pool.h"
#include "pool_module.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace bptt::BPTT_ISA {

using Bytes = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>;

// Blocks may come back when the pool's own object is gone. (A type that Python knows needs a name of its own in each module.)
struct Held {
    std::shared_ptr<Pool> pool;
    explicit Held(std::size_t limit) : pool(std::make_shared<Pool>(limit)) {}
};

struct Loan {
    std::shared_ptr<Pool> pool;
    void* block;
    std::size_t size;
    ~Loan() { pool->give(block, size); }
};

static Bytes take(const Held& held, std::size_t size) {
    std::unique_ptr<Loan> loan(new Loan{held.pool, held.pool->take(size), size});
    nb::capsule owner(loan.get(), [](void* its) noexcept { delete static_cast<Loan*>(its); });
    return Bytes(loan.release()->block, {size}, owner);
}

void bind_pool(nb::module_& m) {
    nb::class_<Held>(m, "Pool")
        .def(nb::init<std::size_t>(), "limit"_a)
        .def("take", &take, "size"_a, nb::rv_policy::reference)
        .def("release", [](const Held& held) { held.pool->release(); })
        .def_prop_ro("bytes", [](const Held& held) { return held.pool->idle(); });
}

}  // namespace bptt::BPTT_ISA
