"""Numbers that can be computed with: neither NaN nor infinity, nor so large that their squares overflow."""

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError

LARGEST = 1e15  # whose squares float32 can still add up


def check_numbers(source: str, *arrays: Array) -> None:
    """Refuse a file with other numbers.

    Raises:
        FileError: naming the file.
    """
    for array in arrays:
        if not np.isfinite(array).all() or np.abs(array).max() > LARGEST:
            raise FileError(
                source, f"finite numbers up to {LARGEST:.0e}", "NaN, infinity or larger ones",
                "Fill, drop or rescale them.",
            )  # fmt: skip
