// Python's arrays at the door of the compiled code: checked by type (the binding's), shape and layout.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "vec.h"

namespace bptt::BPTT_ISA {

namespace nb = nanobind;

template <class T>
using Array = nb::ndarray<T, nb::device::cpu>;
using Keep = std::optional<Array<const bool>>;

// An array argument: of this type or refused, never converted to a copy that nobody sees.
inline auto operator""_x(const char* name, size_t) { return nb::arg(name).noconvert(); }

inline const auto unlocked = nb::call_guard<nb::gil_scoped_release>();

inline void require(bool holds, const char* name) {
    if (!holds) throw std::invalid_argument(std::string(name) + " has another shape or layout than its loop needs");
}

// A C-contiguous array of that many numbers.
template <class T>
T* whole(const Array<T>& array, Size count, const char* name) {
    Size step = 1;
    for (size_t axis = array.ndim(); axis-- > 0; step *= Size(array.shape(axis)))
        require(array.shape(axis) == 1 || array.stride(axis) == step, name);
    require(Size(array.size()) == count, name);
    return array.data();
}

// (steps, sequences, numbers), C-contiguous.
template <class T>
struct Cube {
    T* data;
    Size T_, B, width;

    Cube(const Array<T>& array, const char* name) {
        require(array.ndim() == 3, name);
        T_ = array.shape(0), B = array.shape(1), width = array.shape(2);
        data = whole(array, T_ * B * width, name);
    }
};

// Rows of `width` neighbouring numbers, at one distance from row to row; the axes before the last are one.
template <class T>
struct Strided {
    T* data;
    Size rows = 1, stride;

    Strided(const Array<T>& array, Size width, const char* name) : data(array.data()), stride(width) {
        require(array.ndim() >= 1, name);
        const size_t last = array.ndim() - 1;
        require(Size(array.shape(last)) == width && (width == 1 || array.stride(last) == 1), name);
        Size step = 0;
        for (size_t axis = last; axis-- > 0; rows *= Size(array.shape(axis))) {
            if (array.shape(axis) == 1) continue;
            if (step == 0) step = stride = array.stride(axis) / std::max<Size>(rows, 1);
            require(array.stride(axis) == step * rows, name);
        }
    }
    Strided(const Array<T>& array, Size rows, Size width, const char* name) : Strided(array, width, name) {
        require(this->rows == rows, name);
    }
};

}  // namespace bptt::BPTT_ISA
