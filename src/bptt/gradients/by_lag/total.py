r"""dW_R of every layer by backward passes: what the lags must add up to, and what lies beyond the last.

The ordinary backward pass of the layers is used wherever its numbers fit. Where they overflow, the same
recursion is run once more with every row's scale kept apart (Q13).
"""

from collections.abc import Sequence

import numpy as np

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.gradients.by_lag.scaled import Rows, Scaled, normalised, outer_sum
from bptt.layers.levels import BidirectionalTrace, directions
from bptt.layers.sequences import in_reverse
from bptt.layers.stack import StackTrace, backward_from
from bptt.layers.trace import Trace


def whole(trace: StackTrace, errors: list[Rows | None]) -> list[Scaled]:
    """dW_R per layer, bottom first, from errors of their states, each in its layer's own order."""
    top = max((int(r.e[r.alive].max(initial=-(2**40))) for r in errors if r is not None), default=0)
    top = 0 if top <= -(2**40) else top
    placed = [_placed(t, rows, top) for t, rows in zip(trace.traces, errors, strict=True)]
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            found = [g.dW_R for g in backward_from(trace, placed).layers]
        if all(map(_trusted, found)):
            return [Scaled(dW_R.astype(np.float64), top).normalised() for dW_R in found]
    except NonFiniteError:
        pass  # a layer's error overflowed on its way to the layer below: the scaled pass takes it
    return _whole_scaled(trace, errors)


def _trusted(dW_R: Array) -> bool:
    """Neither overflowed nor so small that what it is summed from may have become zero or denormal."""
    size, limits = np.abs(dW_R).max(), np.finfo(dW_R.dtype)
    return bool(np.isfinite(dW_R).all() and size > limits.tiny / limits.eps**2)


def _placed(trace: Trace, rows: Rows | None, top: int) -> Array:
    T, B, _ = trace.x.shape
    if rows is not None and len(rows.D) == T and rows.common == top:
        return rows.D  # as they stand; nobody writes to them
    d = np.zeros((T, B, trace.layer.state_size), trace.layer.dtype)
    if rows is not None:
        shift = rows.e - top
        D = np.ldexp(rows.D, shift[..., None]) if shift.any() else rows.D
        d[rows.first : rows.last] = D
    return d


def _whole_scaled(trace: StackTrace, errors: list[Rows | None]) -> list[Scaled]:
    found: list[Scaled] = []
    number = len(errors)
    from_above: Rows | None = None
    for level, mask in zip(reversed(trace.levels), reversed(trace.masks), strict=True):
        here = directions(level)
        number -= len(here)
        parts = [None] * len(here) if from_above is None else split_rows(level, from_above)
        below: list[Rows] = []
        for t, own, part in zip(here, errors[number : number + len(here)], parts, strict=True):
            part = None if part is None else as_state(t, part)
            entering = own if part is None else part if own is None else own.plus(part)
            dW_R, dx = _layer_scaled(t, entering)
            found.insert(len(below), dW_R)
            below.append(dx)
        from_above = join_rows(level, below, mask)
    return found


def _layer_scaled(trace: Trace, entering: Rows | None) -> tuple[Scaled, Rows]:
    """dW_R and the errors of the inputs of one layer, scales kept step by step."""
    layer, cell = trace.layer, trace.layer.cell
    T, B, _ = trace.x.shape
    local, keep = trace.local(), trace.keep
    h_prev, e_states = normalised(trace.before()[0])
    rows = (Rows.of(0, *_empty(trace)) if entering is None else entering).widened(0, T)
    dW_R = Scaled.zeros(layer.W_R.shape)
    dx, e = np.zeros_like(trace.x), np.zeros((T, B), np.int64)
    carried: Rows | None = None
    for t in reversed(range(T)):
        one = slice(t, t + 1)
        d = Rows.of(t, rows.D[one].copy(), rows.e[one].copy(), rows.reach[one])
        if carried is not None:
            d = d.plus(carried)
        here = tuple(array[one] for array in local)
        dz, carry = cell.back(d.D, here)
        dW_R += outer_sum(dz, d.e, d.common, h_prev[one])
        dx[t], e[t] = (cell.at_input(d.D, dz, here) @ layer.W_F)[0], d.e
        back = np.zeros_like(d.D) if carry is None else carry
        back[..., : layer.hidden] += dz @ layer.W_R
        if keep is not None:
            back *= keep[one, :, None]
        carried = Rows.of(t - 1, back, d.e.copy(), d.reach)
    dW_R.e += e_states
    dW_R.normalised()
    return dW_R, Rows.of(0, dx, e, np.ones_like(rows.reach))


def _empty(trace: Trace) -> tuple[Array, Array, Array]:
    T, B, _ = trace.x.shape
    D = np.zeros((T, B, trace.layer.state_size), trace.layer.dtype)
    return D, np.zeros((T, B), np.int64), np.zeros((T, B), bool)


def split_rows(level: Trace | BidirectionalTrace, rows: Rows) -> list[Rows]:
    """Errors at what a level hands up, as errors of h of its layers, each in its own order."""
    if not isinstance(level, BidirectionalTrace):
        return [rows]
    H = level.forward.layer.hidden
    one = Rows.of(rows.first, rows.D[..., :H].copy(), rows.e.copy(), rows.reach)
    other = Rows.of(rows.first, rows.D[..., H:].copy(), rows.e.copy(), rows.reach)
    return [one, turned(other, level.backward)]


def join_rows(
    level: Trace | BidirectionalTrace, below: Sequence[Rows | None], mask: Array | None = None
) -> Rows | None:
    """As ``levels.join_inputs``: both directions added, in the order of the input; None for none."""
    joined = below[0]
    if isinstance(level, BidirectionalTrace):
        one, other = below
        if other is not None:
            other = turned(other, level.backward)
        joined = other if one is None else one if other is None else one.plus(other)
    if joined is None or mask is None:
        return joined
    D = joined.D * mask[joined.first : joined.last]
    return Rows.of(joined.first, D, joined.e.copy(), joined.reach)


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
    if trace.layer.cell.STATES == 1:
        return rows
    D = np.concatenate([rows.D, np.zeros_like(rows.D)], axis=-1)
    return Rows(rows.first, D, rows.e, rows.reach, rows.squares, rows.alive, rows.common)
