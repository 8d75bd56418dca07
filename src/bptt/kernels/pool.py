"""Large arrays in memory that was used before.

A fresh array can cost more than what is written into it: the system hands memory out page by page, zeroes
each, and takes it back as soon as it is freed. Training makes the same arrays at every step, here and in PyTorch's layers, so
what is freed is kept in a pool, up to a limit, and given out again (``cpp/pool.h``). The loops of NumPy take NumPy's own arrays.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from bptt.arrays import Array, memory
from bptt.kernels.instruction_sets import compiled

SMALL = 1 << 16  # bytes; below it NumPy's own allocation is as fast
LIMIT = min(memory() // 16, 1 << 30)  # bytes that may lie idle

Pool: Any = getattr(compiled, "Pool", None)
_pool = None if Pool is None else Pool(LIMIT)


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """An uninitialised array, as ``numpy.empty`` makes it."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALL or _pool is None:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, _pool.take(_rounded(size)))


def release() -> None:
    """Give the memory that lies idle back to the system."""
    if _pool is not None:
        _pool.release()


def idle() -> int:
    """Bytes that lie idle."""
    return 0 if _pool is None else int(_pool.bytes)


def _rounded(size: int) -> int:
    """Up to an eighth more, so that sizes that are nearly the same share their blocks."""
    step = 1 << max(size.bit_length() - 4, 12)
    return -(-size // step) * step
