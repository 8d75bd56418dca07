"""Sequences of unequal length, and streams of episodes.

``lengths`` (B,) says how many of the T steps each sequence of a padded batch has. What stands behind its
end is never read: the state is held there, and an error there would belong to no step, so it is refused.

``resets`` (T, B) is True where a new episode starts: that step starts from a zero state, and no gradient
passes it.
"""

from typing import Any

import numpy as np

from bptt.arrays import Array, as_array, check_shape
from bptt.errors import DTypeError, OptionError


def as_lengths(value: Any, T: int, B: int) -> Array | None:
    """(B,) integers from 1 to T; None where all sequences have T steps.

    Args:
        value: what came, or None.
        T: steps of the batch.
        B: sequences.

    Raises:
        ShapeError: if it is not (B,).
        DTypeError: if it does not hold integers.
        OptionError: if a length is below 1 or beyond T.
    """
    if value is None:
        return None
    lengths = as_array("lengths", value)
    if lengths.dtype.kind not in "iu":
        raise DTypeError("lengths", "integers", str(lengths.dtype), "Pass one length per sequence.")
    check_shape("lengths", lengths, (B,))
    if lengths.min() < 1 or lengths.max() > T:
        raise OptionError(
            "lengths", f"from 1 to {T} steps", f"from {lengths.min()} to {lengths.max()}",
            "A sequence cannot be empty or longer than the batch.",
        )  # fmt: skip
    return None if (lengths == T).all() else lengths.astype(np.intp)


def as_resets(value: Any, T: int, B: int) -> Array | None:
    """(T, B) booleans, True where an episode starts; None where none does.

    Args:
        value: what came, or None.
        T: steps of the batch.
        B: sequences.

    Raises:
        ShapeError: if it is not (T, B).
        DTypeError: if it does not hold booleans.
    """
    if value is None:
        return None
    resets = as_array("resets", value)
    if resets.dtype != bool:
        raise DTypeError("resets", "booleans", str(resets.dtype), "True where an episode starts.")
    check_shape("resets", resets, (T, B))
    return np.ascontiguousarray(resets) if resets.any() else None


def inside(lengths: Array, T: int) -> Array:
    """(T, B) True where a sequence has a step."""
    return np.asarray(np.arange(T)[:, None] < lengths)


def in_reverse(array: Array, lengths: Array | None) -> Array:
    """(T, B, ...) with each sequence turned round within its own length; its own inverse."""
    if lengths is None:
        return array[::-1]
    T = len(array)
    t = np.arange(T)[:, None]
    place = np.where(t < lengths, lengths - 1 - t, t)
    return np.asarray(
        np.take_along_axis(array, place.reshape(*place.shape, *[1] * (array.ndim - 2)), 0)
    )


def resets_in_reverse(resets: Array | None, lengths: Array | None) -> Array | None:
    """The same cuts seen from the other end: between t-1 and t lies between t and t-1."""
    if resets is None:
        return None
    after = np.zeros_like(resets)
    after[:-1] = resets[1:]
    if lengths is not None:  # behind a sequence's end nothing starts
        after[lengths - 1, np.arange(len(lengths))] = False
    return in_reverse(after, lengths)
