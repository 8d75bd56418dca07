"""Inputs of which one number in a row is 1: W_F x is then a column of W_F, and a gradient by W_F a sum over rows."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bptt.arrays import Array


class OneHot(np.ndarray[Any, Any]):
    """(T, B, I) rows with a 1 at ``codes``, an array like any other that the loops need not read.

    What is made of it by arithmetic or by an index is a plain array of numbers again; some steps of it are not.

    Attributes:
        codes: (T, B) int64, which of I symbols stands there; None of what is no longer one-hot.
    """

    codes: Array | None

    @classmethod
    def of(cls, codes: Array, size: int, dtype: npt.DTypeLike) -> Self:
        """From symbols 0 .. size-1.

        Args:
            codes: (T, B) integers.
            size: I.
            dtype: float32 or float64.
        """
        rows = np.zeros((*codes.shape, size), dtype)
        np.put_along_axis(rows, codes[..., None], 1, -1)
        one_hot = rows.view(cls)
        one_hot.codes = np.ascontiguousarray(codes, np.int64)
        one_hot.flags.writeable = False  # or rows and codes might differ
        return one_hot

    def without(self, blank: Array) -> Self:
        """The same symbols, with rows of zeros where (T, B) ``blank`` is True: what stands there is not read."""
        rows = np.where(blank[..., None], 0, self).astype(self.dtype).view(type(self))
        rows.codes = self.codes
        rows.flags.writeable = False
        return rows

    def __array_finalize__(self, other: Any) -> None:
        """Nobody knows what a new array holds."""
        self.codes = None

    def __getitem__(self, key: Any) -> Any:
        """Some steps know their symbols."""
        part = super().__getitem__(key)
        if isinstance(key, slice) and self.codes is not None:
            part.codes = self.codes[key]
        return part


def codes_of(x: Array) -> Array | None:
    """(T, B) symbols of one-hot rows that know them, or None."""
    return x.codes if isinstance(x, OneHot) else None
