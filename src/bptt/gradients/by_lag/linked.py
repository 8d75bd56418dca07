r"""The gradient by lag through several stacks that pass their states on to one another.

A column of a stack's batch begins with a state that something else made: the final state of another column, scaled,
projected, normalised or mixed on its way. Errors that leave a column at its beginning are taken by ``Between`` to
the columns that the state was made of, where they go on at the next lag. Lag is counted along the chain: an error that
jumps over some steps on its way is as many lags older when it arrives.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag.between_columns import Arriving, Between, Leaving
from bptt.gradients.by_lag.between_levels import ROWS
from bptt.gradients.by_lag.lag_profile import LagProfile
from bptt.gradients.by_lag.layer_walk import LayerWalk
from bptt.gradients.by_lag.loss_steps import error_rows, one_way
from bptt.gradients.by_lag.rows import Rows, one_exponent
from bptt.gradients.by_lag.scaled import Scaled, log_norm
from bptt.gradients.by_lag.tally import Tally
from bptt.gradients.by_lag.total import layer_scaled
from bptt.gradients.by_lag.walk import one_lag
from bptt.layers.descent import descend
from bptt.layers.stacked import StackTrace, columns_of
from bptt.layers.timeline import Timeline
from bptt.layers.trace import Trace


@dataclass(eq=False)
class Swept:
    """One backward pass over all stacks.

    Attributes:
        dW_R: per stack and layer.
        entering: per stack and layer the errors of the states, with what arrived from elsewhere.
        before: per stack and layer the whole error of the state that each step started from.
    """

    dW_R: list[list[Scaled]]
    entering: list[list[Rows]]
    before: list[list[Rows]]


def linked_by_lag(
    traces: Sequence[StackTrace],
    errors: Sequence[Sequence[Array]],
    between: Between,
    members: Sequence[Sequence[tuple[int, int]]],
    timelines: Sequence[Timeline],
    max_lag: int | None = None,
    keep_matrices: bool = False,
) -> tuple[list[LagProfile], Swept]:
    """Split dW_R of every layer by lag, through all stacks.

    Args:
        traces: their forward passes.
        errors: per stack and layer the immediate gradient, (T, B, S), in its own order.
        between: what lies between their columns.
        members: for each layer that is asked for, the (stack, layer) that share its weights.
        timelines: where each stack's columns stand in time.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        keep_matrices: keep every G_k.

    Returns:
        a profile for each of ``members``, and the backward pass that they were checked against.

    Raises:
        ResidualError: if the lags do not add up to the gradient.
    """
    every = _every(traces, errors)
    swept = sweep(traces, every, between)
    tallies: list[list[Tally]] = [[] for _ in traces]
    asked = []
    of_member: dict[tuple[int, int], Tally] = {}
    for own in members:
        layers = [traces[stack].traces[layer] for stack, layer in own]
        total = Scaled.zeros(swept.dW_R[own[0][0]][own[0][1]].M.shape)
        for stack, layer in own:
            total += swept.dW_R[stack][layer]
        alone = len(own) == 1
        tally = Tally(
            layers, total.normalised(), keep_matrices, one_chunk=alone,
            by_step=alone and one_way(traces[own[0][0]]), timeline=timelines[own[0][0]],
        )  # fmt: skip
        asked.append(tally)
        of_member |= dict.fromkeys(own, tally)
    for stack, trace in enumerate(traces):
        tallies[stack] = [of_member[stack, layer] for layer in range(len(trace.traces))]
    rests = _walk(traces, every, between, tallies, max_lag)
    if any(rows is not None for own in rests for rows in own):
        left_out = sweep(traces, rests, between).dW_R
        for (stack, layer), tally in of_member.items():
            tally.left_out += left_out[stack][layer]
    return [tally.profile() for tally in asked], swept


def _walk(
    traces: Sequence[StackTrace],
    every: list[list[Rows | None]],
    between: Between,
    tallies: list[list[Tally]],
    max_lag: int | None,
) -> list[list[Rows | None]]:
    """Lag after lag through all stacks; returns the errors that are left, not yet counted."""
    walks = [[LayerWalk(t, 0, len(t.x), goes_on=True) for t in trace.traces] for trace in traces]
    for of_stack, own in zip(walks, every, strict=True):
        for walk, rows in zip(of_stack, own, strict=True):
            walk.receive(rows)
    due: dict[int, list[Arriving]] = defaultdict(list)
    inner = [between.inner(stack) for stack in range(len(traces))]
    for k in count():
        _receive(traces, walks, due.pop(k, []))
        stands = any(walk.rows is not None for own in walks for walk in own)
        if (max_lag is not None and k > max_lag) or not (stands or due):
            break
        leaving = []
        for stack, trace in enumerate(traces):
            if all(walk.rows is None for walk in walks[stack]):
                continue
            at_inputs = one_lag(trace, walks[stack], tallies[stack], k, between.reads(stack))
            states = [walk.leaving for walk in walks[stack]]
            columns = np.arange(trace.traces[0].x.shape[1])
            leaving.append(Leaving(stack, columns, states, at_inputs))
        for stack, of_stack in enumerate(walks):
            for tally, walk in zip(tallies[stack], of_stack, strict=True):
                stays = -np.inf if walk.rows is None else walk.rows.log_norm()
                tally.passes(k, stays, _log_norm(walk.leaving, inner[stack]))
        for arriving in between.back(leaving):
            due[k + 1 + arriving.later].append(arriving)
        for arrived in due[k + 1]:
            if arrived.inner:
                tallies[arrived.stack][arrived.layer].passed(k, arrived.rows.log_norm())
    for waiting in due.values():
        _receive(traces, walks, waiting)
    return [[walk.rows for walk in own] for own in walks]


def _log_norm(rows: Rows | None, columns: Array) -> float:
    """ln of the norm of the rows in some columns."""
    if rows is None or not columns.any():
        return -np.inf
    return log_norm(rows.squares[:, columns], rows.e[:, columns], rows.common)


def _receive(
    traces: Sequence[StackTrace], walks: list[list[LayerWalk]], arriving: list[Arriving]
) -> None:
    for arrived in arriving:
        trace = traces[arrived.stack].traces[arrived.layer]
        walks[arrived.stack][arrived.layer].receive(_placed(trace, arrived))


def sweep_from(
    traces: Sequence[StackTrace], errors: Sequence[Sequence[Array]], between: Between
) -> Swept:
    """``sweep`` from the immediate errors as arrays, (T, B, S) per stack and layer.

    Args:
        traces: the stacks' forward passes.
        errors: per stack and layer, in its own order.
        between: what lies between their columns.
    """
    return sweep(traces, _every(traces, errors), between)


def _every(
    traces: Sequence[StackTrace], errors: Sequence[Sequence[Array]]
) -> list[list[Rows | None]]:
    return [
        [error_rows(t, d) for t, d in zip(trace.traces, own, strict=True)]
        for trace, own in zip(traces, errors, strict=True)
    ]


def sweep(
    traces: Sequence[StackTrace], errors: Sequence[Sequence[Rows | None]], between: Between
) -> Swept:
    """dW_R of every layer by one backward pass, columns one after the other.

    Args:
        traces: the stacks' forward passes.
        errors: per stack and layer, in its own order.
        between: what lies between their columns.
    """
    entering = [
        [_full(t, rows) for t, rows in zip(trace.traces, own, strict=True)]
        for trace, own in zip(traces, errors, strict=True)
    ]
    before = [[_full(t, None) for t in trace.traces] for trace in traces]
    dW_R = [[Scaled.zeros(t.weights.W_R.shape) for t in trace.traces] for trace in traces]
    for stack, columns in between.order:
        part = columns_of(traces[stack], columns)
        own = [_columns(rows, columns) for rows in entering[stack]]
        backs: dict[int, Rows] = {}

        def step(
            number: int, t: Trace, d: Rows | None, backs: dict[int, Rows] = backs
        ) -> tuple[Scaled, Rows]:
            total, dx, backs[number] = layer_scaled(t, d)
            return total, dx

        totals, dx = descend(part, own, ROWS, step)
        for number, total in enumerate(totals):
            dW_R[stack][number] += total
            _write(before[stack][number], backs[number], columns)
        states: list[Rows | None] = [_leaving(backs[number]) for number in range(len(totals))]
        at_inputs = dx if between.reads(stack) else None
        for arrived in between.back([Leaving(stack, columns, states, at_inputs)]):
            rows = entering[arrived.stack][arrived.layer]
            _write(rows, _columns(rows, arrived.columns).plus(arrived.rows), arrived.columns)
    return Swept(dW_R, entering, before)


def _leaving(back: Rows) -> Rows:
    """The error of the initial state, at the step before the first."""
    first = back.part(0, 1)
    first.first = -1
    return first


def _full(trace: Trace, rows: Rows | None) -> Rows:
    T, B, _ = trace.x.shape
    if rows is not None:
        return rows.widened(0, T)
    D = np.zeros((T, B, trace.layer.state_size), trace.layer.dtype)
    return Rows.of(0, D, np.zeros((T, B), np.int64), np.zeros((T, B), bool))


def _columns(rows: Rows, columns: Array) -> Rows:
    D, e, reach = rows.D[:, columns], rows.e[:, columns], rows.reach[:, columns]
    return Rows.of(rows.first, D, e, reach)


def _write(to: Rows, rows: Rows, columns: Array) -> None:
    """Put rows into some columns of others, in place."""
    window = slice(rows.first - to.first, rows.last - to.first)
    for name in ("D", "e", "reach", "squares", "alive"):
        getattr(to, name)[window, columns] = getattr(rows, name)
    to.common = one_exponent(to.e)


def _placed(trace: Trace, arrived: Arriving) -> Rows:
    """Errors of some columns among zeros for the others."""
    rows = arrived.rows
    B = trace.x.shape[1]
    if len(arrived.columns) == B and np.array_equal(arrived.columns, np.arange(B)):
        return rows
    N = len(rows.D)
    D = np.zeros((N, B, rows.D.shape[2]), rows.D.dtype)
    e, reach = np.zeros((N, B), np.int64), np.zeros((N, B), bool)
    D[:, arrived.columns], e[:, arrived.columns] = rows.D, rows.e
    reach[:, arrived.columns] = rows.reach
    return Rows.of(rows.first, D, e, reach)
