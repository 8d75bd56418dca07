"""Inputs at the door of a layer: numbers, or integers for symbols."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bptt.arrays import Array, as_array, as_floats, check_shape
from bptt.errors import OptionError
from bptt.kernels import OneHot
from bptt.layers.sequences import as_lengths, inside


def as_inputs(x: Any, size: int, dtype: npt.DTypeLike, lengths: Any = None) -> Array:
    """(T, B, I) finite numbers; of integers (T, B), as ``torch.nn.Embedding`` takes them, the one-hot rows.

    Args:
        x: what came: numbers of the layer's type, or integers from 0 to I - 1.
        size: I.
        dtype: of the layer.
        lengths: (B,) or None; behind a sequence's end integers are not read.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if it is neither.
        OptionError: if an integer stands for no input.
    """
    if isinstance(x, OneHot):
        check_shape("x", x, ("T", "B", size))
        if x.dtype == dtype and x.codes is not None:
            return x
    codes = as_array("x", x)
    if codes.dtype.kind not in "iu" or codes.ndim != 2:
        return as_floats("x", x, ("T", "B", size), dtype)
    check_shape("x", codes, ("T", "B"))
    if lengths is not None and (ends := as_lengths(lengths, *codes.shape)) is not None:
        codes = np.where(inside(ends, len(codes)), codes, 0)
    if codes.min() < 0 or codes.max() >= size:
        raise OptionError(
            "x", f"integers from 0 to {size - 1}, one for each input", f"from {codes.min()} to {codes.max()}",
            "Make a layer with as many inputs as there are symbols.",
        )  # fmt: skip
    return OneHot.of(codes, size, dtype)
