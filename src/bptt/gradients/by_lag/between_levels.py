"""Errors with scales of their own on their way from level to level; ``layers.levels`` has the same for arrays."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.scaled import normalised
from bptt.layers.descent import Algebra
from bptt.layers.levels import BidirectionalTrace
from bptt.layers.masks import Mask, ProjectedMask, masked_back
from bptt.layers.sequences import in_reverse
from bptt.layers.trace import Trace


def split_rows(level: Trace | BidirectionalTrace, rows: Rows) -> list[Rows]:
    """Errors at what a level hands up, as errors of h of its layers, each in its own order."""
    if not isinstance(level, BidirectionalTrace):
        return [rows]
    H = level.forward.layer.hidden
    one = Rows.of(rows.first, rows.D[..., :H].copy(), rows.e.copy(), rows.reach)
    other = Rows.of(rows.first, rows.D[..., H:].copy(), rows.e.copy(), rows.reach)
    return [one, turned(other, level.backward)]


def join_rows(
    level: Trace | BidirectionalTrace, below: Sequence[Rows | None], mask: Mask | None = None
) -> Any:
    """As ``levels.join_inputs``: both directions added, in the order of the input; None for none.

    Args:
        level: that the errors leave.
        below: errors at its directions' inputs, each in its own order; None for none.
        mask: what multiplied the level's inputs, or None.
    """
    joined = below[0]
    if isinstance(level, BidirectionalTrace):
        one, other = below
        if other is not None:
            other = turned(other, level.backward)
        joined = other if one is None else one if other is None else one.plus(other)
    if joined is None or mask is None:
        return joined
    part, e = mask[joined.steps], 0
    if not isinstance(part, ProjectedMask):
        part, e = normalised(part)
    D = masked_back(joined.D, part)
    return Rows.of(joined.first, D, joined.e + e, joined.reach, stride=joined.stride)


def turned(rows: Rows, trace: Trace) -> Rows:
    """The same rows in the other order, within each sequence's length."""
    T = len(trace.x)
    rows = rows.widened(0, T)
    D, e, reach = (
        np.ascontiguousarray(in_reverse(array, trace.lengths))
        for array in (rows.D, rows.e, rows.reach)
    )
    steps = np.flatnonzero(reach.any(1))
    if not len(steps):
        return Rows.of(0, D, e, reach)
    window = slice(int(steps[0]), int(steps[-1]) + 1)
    return Rows.of(window.start, D[window], e[window], reach[window])


def as_state(trace: Trace, rows: Rows) -> Rows:
    """Errors of h as errors of the whole state: zero on c."""
    if rows.D.shape[-1] == trace.layer.state_size:
        return rows
    D = np.concatenate([rows.D, np.zeros_like(rows.D)], axis=-1)
    return replace(rows, D=D)


def _add(trace: Trace, own: Rows | None, part: Rows) -> Rows:
    part = as_state(trace, part)
    return part if own is None else own.plus(part)


ROWS: Algebra[Rows] = Algebra(split_rows, _add, join_rows)

# A walk that stands still between two lags has its own errors already.
HANDED_DOWN: Algebra[Rows] = replace(ROWS, add=lambda trace, own, part: part)
