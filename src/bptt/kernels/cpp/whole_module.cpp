// A whole layer as Python sees it: memory by address, sizes checked, the interpreter's lock released.
//
// PyTorch's tensors come as addresses: to take them as arrays costs more than a step of a small layer.
#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "whole_gradients.h"
#include "whole_module.h"

using namespace bptt::BPTT_ISA;
namespace nb = nanobind;

namespace {

using Address = std::uintptr_t;
using Addresses = std::vector<Address>;

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

template <class T>
T* memory(Address address) {
    return reinterpret_cast<T*>(address);
}

template <class T>
std::vector<Weights<T>> weights_at(const Addresses& all, Size layers) {
    require(Size(all.size()) == 4 * layers, "weights must be four addresses for each level and direction");
    std::vector<Weights<T>> found;
    for (Size i = 0; i < layers; ++i)
        found.push_back({memory<T>(all[4 * i]), memory<T>(all[4 * i + 1]), memory<T>(all[4 * i + 2]),
                         memory<T>(all[4 * i + 3])});
    return found;
}

struct Sizes {
    Size T, B, I, H, levels, directions;
};

// Lets Python's signal handlers run, Ctrl-C's among them, ten times a second; what they raise ends the call.
class Interruptions {
public:
    void operator()() {
        if (Clock::now() < next_) return;
        next_ = Clock::now() + std::chrono::milliseconds(100);
        const nb::gil_scoped_acquire locked;
        if (PyErr_CheckSignals()) throw nb::python_error();
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point next_ = Clock::now() + std::chrono::milliseconds(100);
};

template <class T>
Whole<T> whole_of(const Sizes& n, Address batch_sizes, Plane<const T> x, Address h0, Address c0,
                  const Addresses& weights, Address masks) {
    require(std::min({n.T, n.B, n.I, n.H, n.levels}) >= 1, "T, B, I, H and levels must be at least 1");
    require(n.directions == 1 || n.directions == 2, "directions must be 1 or 2");
    require(x.data, "x must be given");
    auto found = weights_at<const T>(weights, n.levels * n.directions);
    for (const auto& w : found)
        require(w.W_F && w.W_R && !w.b_F == !w.b_R, "weights must have both W and both biases or none");
    return {Batch(n.T, n.B, memory<const std::int64_t>(batch_sizes)), n.I, n.H, n.levels, n.directions, x,
            memory<const T>(h0), memory<const T>(c0), std::move(found), memory<const T>(masks), Interruptions()};
}

// Calls f with a zero of the type and with the cell.
template <class F>
void with_types(int kind, bool in_double, F&& f) {
    require(0 <= kind && kind < 4, "kind must be 0 to 3");
    with_cell(Kind(kind), [&](auto cell) {
        if (in_double) f(cell, double());
        else f(cell, float());
    });
}

void forward(int kind, bool in_double, Size T_, Size B, Size I, Size H, Size levels, Size directions,
             Address batch_sizes, Address x, Size x_step, Size x_row, Address h0, Address c0,
             const Addresses& weights, Address masks, Address y, Size y_step, Size y_row, Address h_n, Address c_n,
             Address saved, int threads) {
    const nb::gil_scoped_release unlock;
    const WithThreads as_asked(std::max(threads, 1));
    with_types(kind, in_double, [&]<class Cell, class T>(Cell, T) {
        const auto whole = whole_of<T>({T_, B, I, H, levels, directions}, batch_sizes,
                                       {memory<const T>(x), x_step, x_row}, h0, c0, weights, masks);
        require(h_n && (c_n || !Cell::CARRIES), "h_n and c_n must be given");
        require(y || T_ == 1, "y must be given for more than one step");
        whole_forward<Cell, T>(whole, {memory<T>(y), y_step, y_row}, memory<T>(h_n), memory<T>(c_n),
                               memory<T>(saved));
    });
}

void backward(int kind, bool in_double, Size T_, Size B, Size I, Size H, Size levels, Size directions,
              Address batch_sizes, Address x, Size x_step, Size x_row, Address h0, Address c0,
              const Addresses& weights, Address masks, Address saved, Address dy, Size dy_step, Size dy_row,
              Address dh_n, Address dc_n, Address dx, Size dx_step, Size dx_row, Address dh0, Address dc0,
              const Addresses& dweights, int threads) {
    const nb::gil_scoped_release unlock;
    const WithThreads as_asked(std::max(threads, 1));
    with_types(kind, in_double, [&]<class Cell, class T>(Cell, T) {
        const auto whole = whole_of<T>({T_, B, I, H, levels, directions}, batch_sizes,
                                       {memory<const T>(x), x_step, x_row}, h0, c0, weights, masks);
        require(saved, "saved must be given");
        whole_backward<Cell, T>(whole,
                                {{memory<const T>(dy), dy_step, dy_row}, memory<const T>(dh_n), memory<const T>(dc_n),
                                 {memory<T>(dx), dx_step, dx_row}, memory<T>(dh0), memory<T>(dc0),
                                 weights_at<T>(dweights, levels * directions)},
                                memory<const T>(saved));
    });
}

}  // namespace

void bptt::BPTT_ISA::bind_whole_layer(nb::module_& m) {
    m.def("whole_forward", &forward);
    m.def("whole_backward", &backward);
}
