"""The loops over a sequence: slow and obvious in NumPy, and the same compiled.

``dispatch`` decides which of the two runs; ``numpy_loops`` and ``numpy_lags`` say what each function computes. The C++ is in
``cpp/``, one module per instruction set.
"""

from bptt.kernels.dispatch import (
    add_up,
    affine,
    backward,
    bill,
    forward,
    lag_step,
    linearised,
    outer,
    outer_in_double,
    path,
    product,
    squares_of_sums,
)
from bptt.kernels.numpy_lags import LagBlock, LagNorms, LagStep, LagTotals
from bptt.kernels.numpy_loops import before
from bptt.kernels.one_hot import OneHot, codes_of
from bptt.kernels.pool import empty

__all__ = [
    "LagBlock",
    "LagNorms",
    "LagStep",
    "LagTotals",
    "OneHot",
    "add_up",
    "affine",
    "backward",
    "before",
    "bill",
    "codes_of",
    "empty",
    "forward",
    "lag_step",
    "linearised",
    "outer",
    "outer_in_double",
    "path",
    "product",
    "squares_of_sums",
]
