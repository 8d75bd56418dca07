"""Curves by lag in few bytes: float32, the first bytes of all numbers before the second ones, deflated.

At most 256 lags of a layer are kept: all of them up to there, and of longer curves the first 128 and as many more at equal
ratios, the last one among them. So a layer takes at most 15 kilobytes, and some three at 100 lags.
"""

import struct
import zlib
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.gradients.by_lag.lag_table import FIELDS
from bptt.gradients.by_lag.norms import cumulative

MOST = 256  # lags
HEAD = struct.Struct("<HH")  # lags, and which curves there are
# In their order; what follows from another one is not kept.
NAMES = tuple(each.name for each in FIELDS if each.name not in ("lag", "cumulative"))


def kept_lags(count: int) -> Array:
    """Which of so many lags are kept."""
    if count <= MOST:
        return np.arange(count)
    far = np.geomspace(MOST // 2, count - 1, MOST // 2).round().astype(int)
    return np.unique(np.concatenate([np.arange(MOST // 2), far]))


def packed(table: Any) -> bytes:
    """The curves of a profile.

    Args:
        table: ``profile.table()``.
    """
    there = [name for name in NAMES if name in table.names]
    lags = kept_lags(len(table))
    with np.errstate(over="ignore"):
        numbers = np.array([lags, *(table.values[name][lags] for name in there)], "<f4")
    mask = sum(1 << NAMES.index(name) for name in there)
    by_place = numbers.reshape(-1, 1).view(np.uint8).T
    return HEAD.pack(len(lags), mask) + zlib.compress(by_place.tobytes(), 9)


def unpacked(source: str, content: bytes) -> tuple[Array, dict[str, Array]]:
    """(lags, the curves by name), float64, as ``packed`` took them; the part up to each lag among them where all are there.

    Args:
        source: the file, for the error.
        content: it may come from anyone.

    Raises:
        FileError: if ``packed`` cannot have made it.
    """
    try:
        count, mask = HEAD.unpack_from(content)
        there = [name for at, name in enumerate(NAMES) if mask >> at & 1]
        size = 4 * count * (1 + len(there))
        if not 0 < count <= MOST or mask >> len(NAMES):
            raise ValueError
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(content[HEAD.size :], size + 1)
        if len(plain) != size or not unpacking.eof:
            raise ValueError
    except (struct.error, zlib.error, ValueError):
        raise FileError(
            source, "curves by lag as a sweep keeps them", "other bytes", "It is damaged."
        ) from None
    by_place = np.frombuffer(plain, np.uint8).reshape(4, -1)
    numbers = np.ascontiguousarray(by_place.T).view("<f4").reshape(-1, count).astype(np.float64)
    lags = numbers[0]
    if lags[0] != 0 or not (np.diff(lags) > 0).all() or not lags[-1] < 2**24:
        raise FileError(source, "lags in their order", "others", "It is damaged.")
    curves = dict(zip(there, numbers[1:], strict=True))
    if "log10_norm" in curves and lags[-1] == count - 1:
        curves["cumulative"] = cumulative(curves["log10_norm"])
    return lags.astype(int), curves
