"""Large arrays in memory that was used before.

A fresh array can cost more than what is written into it: the system hands memory out page by page, zeroes
each, and takes it back as soon as it is freed. Training makes the same arrays at every step, so
what is freed is kept here, up to a limit, and given out again.
"""

import math
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt

from bptt.arrays import Array

SMALL = 1 << 16  # bytes; below it NumPy's own allocation is as fast
LIMIT = 256 << 20  # bytes that may lie idle
LINE = 64  # bytes of a cache line: a register that lies across two is read twice


class Pool:
    """Blocks of bytes that nobody uses, by size; those given back last are kept longest."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0
        self.idle: dict[int, list[Array]] = {}
        self.lock = RLock()  # a collection of garbage may give a block back at any moment

    def take(self, size: int) -> Array:
        """A block of that many bytes, aligned."""
        with self.lock:
            blocks = self.idle.get(size)
            if blocks:
                self.bytes -= size
                return blocks.pop()
        whole = np.empty(size + LINE - 1, np.uint8)
        start = -whole.ctypes.data % LINE
        return whole[start : start + size]

    def give(self, block: Array) -> None:
        """Keep a block for the next who asks; let the oldest go where there are too many."""
        with self.lock:
            blocks = self.idle.pop(block.size, [])
            self.idle[block.size] = blocks  # the last of the order now
            blocks.append(block)
            self.bytes += block.size
            while self.bytes > self.limit:
                size, blocks = next(iter(self.idle.items()))
                if blocks:
                    blocks.pop()
                    self.bytes -= size
                else:
                    del self.idle[size]

    def release(self) -> None:
        """Give all idle blocks back to the system."""
        with self.lock:
            self.idle.clear()
            self.bytes = 0


class _Loan:
    """What an array stands on: gives its block back when the last view of it is gone."""

    def __init__(self, pool: Pool, size: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.pool, self.block = pool, pool.take(size)
        self.__array_interface__ = self.block.__array_interface__ | {
            "shape": shape, "typestr": dtype.str, "descr": [("", dtype.str)], "strides": None,
        }  # fmt: skip

    def __del__(self) -> None:
        self.pool.give(self.block)


_pool = Pool(LIMIT)


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """An uninitialised array, as ``numpy.empty`` makes it."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALL:
        return np.empty(shape, dtype)
    return np.asarray(_Loan(_pool, _rounded(size), shape, dtype))


def release() -> None:
    """Give the memory that lies idle back to the system."""
    _pool.release()


def _rounded(size: int) -> int:
    """Up to an eighth more, so that sizes that are nearly the same share their blocks."""
    step = 1 << max(size.bit_length() - 4, 12)
    return -(-size // step) * step
