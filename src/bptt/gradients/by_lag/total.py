r"""dW_R of every layer by backward passes: what the lags must add up to, and what lies beyond the last.

The ordinary backward pass of the layers is used wherever its numbers fit. Where they overflow, the same
recursion is run once more with every row's scale kept apart (Q13).
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.scales import underflown
from bptt.errors import NonFiniteError
from bptt.gradients.by_lag.between_levels import ROWS
from bptt.gradients.by_lag.one_pass import StepTaken, steps_back
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.scaled import (
    Scaled,
    outer_sum,
    rows_at_weights,
    states_normalised,
)
from bptt.layers.descent import descend
from bptt.layers.levels import directions
from bptt.layers.stack import backward_from
from bptt.layers.stacked import StackTrace
from bptt.layers.trace import Grads, Trace


def whole(trace: StackTrace, errors: list[Rows | None]) -> list[Scaled]:
    """dW_R per layer, bottom first, from errors of their states, each in its layer's own order."""
    top = max((int(r.e[r.alive].max(initial=-(2**40))) for r in errors if r is not None), default=0)
    top = 0 if top <= -(2**40) else top
    placed = [_placed(t, rows, top) for t, rows in zip(trace.traces, errors, strict=True)]
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            grads = backward_from(trace, placed).layers
        dW_Rs = [g.dW_R for g in grads]
        nothing = not any(dW_R.any() for dW_R in dW_Rs) and _meet_zeros(trace, errors)
        if nothing or (all(map(trusted, dW_Rs, trace.traces)) and _kept_digits(trace, grads)):
            return [Scaled(dW_R.astype(np.float64), top).normalised() for dW_R in dW_Rs]
    except NonFiniteError:
        pass  # a layer's error overflowed on its way to the layer below: the scaled pass takes it
    return whole_scaled(trace, errors)


def trusted(dW_R: Array, trace: Trace) -> bool:
    """Neither overflowed nor so small that the errors it is summed from, each times a state, may be zero or denormal.

    Nor are the slopes that they were multiplied by: behind large errors that shows in no number.
    """
    size, most = float(np.abs(dW_R).max()), float(max(1, trace.h.max(), -trace.h.min()))
    return bool(np.isfinite(dW_R).all() and size / most > _least(dW_R)) and not _slopes_lost(trace)


def _slopes_lost(trace: Trace) -> bool:
    """Whether slopes of an RNN are zero, or denormal, that should not be; looked at by stretches, to hold few."""
    weights, T, stretch = trace.weights, len(trace.x), trace.stretch
    if not weights.cell.choose_phi:
        return False
    firsts = range(0, T, stretch)
    return any(underflown(weights, trace.linearised(t, min(t + stretch, T))) for t in firsts)


def _kept_digits(trace: StackTrace, grads: list[Grads]) -> bool:
    """Whether no errors on their way to a level below are so small, all of them, that they lost digits."""
    above = grads[len(directions(trace.levels[0])) :]
    down = [g.dx for g in above if g.dx is not None]
    return all(max(dx.max(), -dx.min()) > _least(dx) for dx in down)


def _least(array: Array) -> float:
    limits = np.finfo(array.dtype)
    return float(limits.tiny / limits.eps**2)


def _meet_zeros(trace: StackTrace, errors: list[Rows | None]) -> bool:
    """Whether all states that the errors can meet are zero, as that before the first step is: then no dW_R was too small."""
    if len(trace.traces) > len(trace.levels):
        return False  # where both directions mix an error goes either way
    last = max((rows.last for rows in errors if rows is not None), default=0)
    return not any(state.any() for t in trace.traces for state in t.before(0, last)[:1])


def _placed(trace: Trace, rows: Rows | None, top: int) -> Array:
    T, B, _ = trace.x.shape
    if rows is not None and len(rows.D) == T and rows.common == top:
        return rows.D  # as they stand; nobody writes to them
    d = np.zeros((T, B, trace.layer.state_size), trace.layer.dtype)
    if rows is not None:
        shift = rows.e - top
        D = np.ldexp(rows.D, shift[..., None]) if shift.any() else rows.D
        d[rows.steps] = D
    return d


def whole_scaled(trace: StackTrace, errors: list[Rows | None]) -> list[Scaled]:
    """The same with scales kept step by step, whether they are needed or not."""

    def step(number: int, t: Trace, d: Rows | None) -> tuple[Scaled, Rows]:
        dW_R, dx, _ = layer_scaled(t, d)
        return dW_R, dx

    every = [None if rows is None else rows.filled() for rows in errors]
    return descend(trace, every, ROWS, step)[0]


def layer_scaled(trace: Trace, entering: Rows | None) -> tuple[Scaled, Rows, Rows]:
    """dW_R of one layer, the errors of its inputs, and of the state that each step started from.

    Scales are kept step by step.

    Args:
        trace: the layer's forward pass.
        entering: the errors of its states, or None.
    """
    T, B, _ = trace.x.shape
    h_prev, e_states = states_normalised(trace.before()[0])
    dW_R, dx, before = (
        Scaled.zeros(trace.weights.W_R.shape), _nothing(trace, trace.x.shape[2]), _nothing(trace, trace.layer.state_size),
    )  # fmt: skip
    for step in steps_back(trace, None if entering is None else entering.filled(), True):
        dW_R += part_of_step(trace, step, h_prev)
        one = slice(step.t, step.t + 1)
        for (D, e), rows in ((dx, step.at_inputs), (before, step.moved.before)):
            assert rows is not None
            D[one], e[one] = rows.D, rows.e
    dW_R.e += e_states
    dW_R.normalised()
    reach = np.ones((T, B), bool)
    return dW_R, Rows.of(0, *dx, reach), Rows.of(0, *before, reach)


def part_of_step(trace: Trace, step: StepTaken, h_prev: Array) -> Scaled:
    """What the errors of a step have in dW_R.

    Args:
        trace: the layer's forward pass.
        step: that they take back.
        h_prev: (T, B, H) the states that W_R multiplied, of all steps.
    """
    one, dz = slice(step.t, step.t + 1), step.moved.step.dz
    rows = rows_at_weights(trace.weights.cell, dz.D, dz.e, h_prev[one], trace.saved[one])
    return outer_sum(rows[0], rows[1], None, rows[2])


def _nothing(trace: Trace, size: int) -> tuple[Array, Array]:
    """Zeros (T, B, size) for every step, and (T, B) their exponents."""
    T, B, _ = trace.x.shape
    return np.zeros((T, B, size), trace.layer.dtype), np.zeros((T, B), np.int64)
