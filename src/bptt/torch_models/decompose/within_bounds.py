"""Calls run again and taken apart by lag within bounds: all of a batch where that fits, else a portion of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag import LagProfile
from bptt.gradients.by_lag.walk import Walking, lags_of
from bptt.gradients.by_lag.work import Work
from bptt.gradients.by_step import StepProfile, by_step
from bptt.layers.stacked import columns_of
from bptt.torch_models.capture import Call, Errors
from bptt.torch_models.capture.numbers import time_first
from bptt.torch_models.convert import stack_of
from bptt.torch_models.decompose.bounds import Bounds
from bptt.torch_models.decompose.choosing import portion_of
from bptt.torch_models.replay import (
    Portion,
    Replay,
    Strand,
    gradient_of,
    replay,
    replay_in_portions,
)

AT_ONCE = 2e10  # operations of a piece that is run again: Ctrl-C waits for its end


def replayed(strand: Strand, others: Sequence[Strand], immediate: Errors, bounds: Bounds) -> Replay:
    """Run a module's calls again: all sequences at once, or a portion that is kept and the others a few at a time.

    Args:
        strand: the calls.
        others: all strands.
        immediate: the errors at the outputs of each call.
        bounds: of the measurement.

    Raises:
        AgreementError: if the states are not PyTorch's.
    """
    start = strand.starts[0]
    together = len(strand.starts) > 1 or start.link or bool(start.feeds) or start.call.is_cell
    shared = sum(other.path == strand.path for other in others) > 1
    grads = immediate[start.call.index]
    if together or shared or all(grad is None for grad in grads):
        return replay(strand, immediate)
    call = start.call
    work, reach = _work(call), _reach(call, immediate)
    rows = float(sum(call.lengths))
    portion = portion_of(work, reach, bounds, rows=rows, one_way=not call.acting.two)
    if len(portion.columns) == portion.of:
        return replace(replay(strand, immediate), portion=portion)
    steps = len(reach)
    room = bounds.bytes(work.bytes_walked * rows / 2) / (work.bytes_run * steps)
    quick = AT_ONCE / (work.training * steps)
    return replay_in_portions(strand, immediate, portion, max(1, int(min(room / 2, max(8, quick)))))


def taken_apart(
    own: Replay, bounds: Bounds
) -> tuple[Replay, Portion, list[LagProfile], list[StepProfile]]:
    """The lags and steps of calls that nothing lies between.

    Args:
        own: the calls; where they were run again as a whole, a portion of them may be chosen here.
        bounds: of the measurement.

    Returns:
        the same calls, with what is to be compared with autograd; the portion; per layer the gradient by lag and by step.
    """
    portion = own.portion
    if portion is None:
        traces = own.trace.traces
        work = Work.of([t.layer for t in traces], traces[0].x.shape[2])
        reach = np.logical_or.reduce([d.any(-1) for d in own.errors])
        one_way = len(traces) == len(own.trace.levels)
        rows = float(own.strand.lengths.sum())
        portion = portion_of(work, reach, bounds, rows=rows, one_way=one_way)
    trace, errors = own.trace, own.errors
    if not portion.is_all and own.whole is None:
        own = replace(own, whole=gradient_of(trace, errors))
        if len(portion.columns) < portion.of:
            trace = columns_of(trace, portion.columns)
            errors = [d.take(portion.columns, 1) for d in errors]
    eps = float(np.finfo(trace.traces[0].x.dtype).eps)
    walking = Walking(
        bounds.max_lag,
        negligible=0.0 if portion.is_all else eps / len(trace.traces[0].x),
        by_sequence=bounds.spread and len(portion.columns) < portion.of,
        update=bounds.update,
    )
    return own, portion, lags_of(trace, portion.thinned(errors), walking), by_step(trace, errors)


def _work(call: Call) -> Work:
    stack = stack_of(call.acting)
    return Work.of(stack.layers, stack.inputs)


def _reach(call: Call, immediate: Errors) -> Array:
    """(T, B) where a call's outputs or final states get an error."""
    reach = np.zeros((call.steps, len(call.lengths)), bool)
    first, *final = immediate[call.index]
    if first is not None:
        arrives = (first != 0).any(-1, keepdim=True).to(first.dtype)
        reach |= time_first(call, arrives)[..., 0] != 0
    ends = np.array(call.lengths) - 1
    for grad in final:
        if grad is not None:
            columns = np.flatnonzero((grad != 0).any(-1).any(0).cpu().numpy())
            reach[ends[columns], columns] = True
    return reach
