"""The loss steps that a walk starts from: all of them at once, or some at a time where they would fill the memory."""

from collections.abc import Iterator

import numpy as np

from bptt.arrays import Array, rows_with_any
from bptt.gradients.by_lag.rows import Rows
from bptt.layers.levels import BidirectionalTrace
from bptt.layers.stacked import StackTrace
from bptt.layers.trace import Trace

WORKING_MEMORY = 128e6  # bytes; above it, with a max_lag, the loss steps are taken in chunks


def stride_of(trace: StackTrace, errors: list[Array]) -> int:
    """The largest number of steps that lies between all loss steps: nothing is carried back in between."""
    if len(trace.traces) != len(trace.levels):  # the other direction counts from the other end
        return 1
    steps = np.flatnonzero(np.logical_or.reduce([d.any((1, 2)) for d in errors]))
    return int(np.gcd.reduce(np.diff(steps))) if len(steps) > 1 else 1


def error_rows(trace: Trace, d: Array, stride: int = 1) -> Rows | None:
    """The immediate errors of one layer, from the first loss step to the last, every ``stride`` steps."""
    reach = rows_with_any(d)
    steps = np.flatnonzero(reach.any(1))
    if not len(steps):
        return None
    window = slice(int(steps[0]), int(steps[-1]) + 1, stride)
    e = np.zeros(reach[window].shape, np.int64)
    return Rows.of(window.start, d[window].copy(), e, reach[window], stride=stride)


def chunks_of(
    trace: StackTrace, every: list[Rows | None], max_lag: int | None, loss_chunk: int | None = None
) -> list[list[Rows | None]]:
    """The errors of all layers, ``loss_chunk`` steps at a time, or as many as fit.

    Where both directions mix, errors of several loss steps meet at one step and lag: there they all go at once.
    """
    if not one_way(trace):
        return [every]
    loss_chunk = loss_chunk or fitting_chunk(trace, every, max_lag)
    return [every] if loss_chunk is None else list(_chunks(every, loss_chunk))


def _chunks(every: list[Rows | None], size: int) -> Iterator[list[Rows | None]]:
    """The same errors, ``size`` steps at a time."""
    last = max(rows.last for rows in every if rows is not None)
    for first in range(0, last, size):
        part = [_part(rows, first, first + size) for rows in every]
        if any(rows is not None for rows in part):
            yield part


def _part(rows: Rows | None, first: int, last: int) -> Rows | None:
    if rows is None or not any(first <= step < last for step in range(*rows.steps.indices(last))):
        return None
    return rows.part(max(first, rows.first), min(last, rows.last))


def one_way(trace: StackTrace) -> bool:
    """Whether a lag and a step name the loss step: nowhere do both directions follow one another."""
    return len(trace.levels) == 1 or not any(
        isinstance(level, BidirectionalTrace) for level in trace.levels
    )


def fitting_chunk(trace: StackTrace, every: list[Rows | None], max_lag: int | None) -> int | None:
    """How many loss steps fit into the working memory; None if all do, or nothing bounds the lags.

    In chunks every G_k is held to the end: where that takes more, all loss steps go at once.
    """
    if max_lag is None:
        return None
    B = trace.traces[0].x.shape[1]
    count = max(len(rows.D) for rows in every if rows is not None)
    matrices = 8 * (max_lag + 1) * sum(t.weights.W_R.size for t in trace.traces)
    per_step = sum(
        B * (4 * len(t.layer.W_R) + 4 * t.layer.state_size) * t.layer.dtype.itemsize
        for t in trace.traces
    )
    if count * per_step <= max(WORKING_MEMORY, matrices):
        return None
    return max(4 * max_lag, int(WORKING_MEMORY / per_step), 1)
