r"""The gradient by the step at which the weight acts: one backward pass, any length.

    dW_R = Σ_s C_s,    C_s = dz_sᵀ h_{s-1}

dz_s is the total error at step s, of all losses from there on. For sequences too long to split by lag this
says which stretch of the sequence moves the weights; it does not say from how far ahead.
"""

from collections.abc import Sequence
from typing import Any, overload

from bptt.arrays import Array
from bptt.gradients.by_lag.between_levels import HANDED_DOWN, ROWS
from bptt.gradients.by_lag.loss_steps import error_rows
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_step.acting import Acting, acting
from bptt.gradients.by_step.profile import StepProfile, profile_of
from bptt.layers import StackTrace, Trace
from bptt.layers.descent import descend
from bptt.layers.levels import directions
from bptt.layers.stack_errors import immediate_errors
from bptt.layers.stacked import as_stack_trace
from bptt.layers.timeline import Timeline


@overload
def by_step(trace: Trace, dh: Any) -> StepProfile: ...


@overload
def by_step(trace: StackTrace, dh: Any) -> list[StepProfile]: ...


def by_step(trace: Trace | StackTrace, dh: Any) -> StepProfile | list[StepProfile]:
    """Split dW_R by the step at which the weight acts.

    Args:
        trace: from ``layer.forward`` or ``stack.forward``.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t on the top layer's states.

    Returns:
        a ``StepProfile``; for a stack a list of them, one per layer as in ``stack.names``. A backward
        layer's steps are in its own order: step 0 is its sequence's last.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.

    >>> import numpy as np, bptt
    >>> layer = bptt.GRU.init(3, 8, rng=0, dtype="float64")
    >>> trace = layer.forward(np.ones((1000, 2, 3)))
    >>> steps = bptt.by_step(trace, np.ones((1000, 2, 8)))
    >>> steps.norm.shape, f"{steps.share.sum():.6f}"
    ((1000,), '1.000000')
    """
    if isinstance(trace, Trace):
        return by_step(as_stack_trace(trace), dh)[0]
    errors = immediate_errors(trace, dh)
    rows = [error_rows(t, d) for t, d in zip(trace.traces, errors, strict=True)]
    return [profile_of([layer]) for layer in _acting(trace, rows, rows)]


def linked_by_step(
    traces: Sequence[StackTrace],
    entering: Sequence[Sequence[Rows | None]],
    immediate: Sequence[Sequence[Array]],
    members: Sequence[Sequence[tuple[int, int]]],
    timelines: Sequence[Timeline],
) -> list[StepProfile]:
    """The same of stacks that pass their states on to one another, in the order of time.

    Args:
        traces: their forward passes.
        entering: per stack and layer the errors of the states, with what arrived from elsewhere.
        immediate: per stack and layer the immediate ones alone.
        members: for each layer that is asked for, the (stack, layer) that share its weights.
        timelines: where each stack's columns stand in time.
    """
    placed = []
    for trace, errors, own, timeline in zip(traces, entering, immediate, timelines, strict=True):
        rows = [error_rows(t, d) for t, d in zip(trace.traces, own, strict=True)]
        placed.append([layer.placed(timeline) for layer in _acting(trace, errors, rows)])
    return [profile_of([placed[stack][layer] for stack, layer in own]) for own in members]


def _acting(
    trace: StackTrace, entering: Sequence[Rows | None], immediate: Sequence[Rows | None]
) -> list[Acting]:
    """Where the weights of each layer act.

    Args:
        trace: the stack's forward pass.
        entering: per layer the errors of its states, but for those that the level above sends down.
        immediate: those of them that are immediate.
    """
    bottom = len(directions(trace.levels[0]))

    def step(number: int, t: Trace, sent: Rows | None) -> tuple[Acting, Rows | None]:
        # What a layer above sends down is immediate for the layer below.
        whole, own = (_sum(t, rows[number], sent) for rows in (entering, immediate))
        return acting(t, whole, own, number >= bottom)

    return descend(trace, [None] * len(entering), HANDED_DOWN, step)[0]


def _sum(trace: Trace, rows: Rows | None, sent: Rows | None) -> Rows | None:
    return rows if sent is None else ROWS.add(trace, rows, sent)
