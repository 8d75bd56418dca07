"""Calls run again and taken apart by lag within bounds: all of a batch where that fits, else a portion of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from bptt.arrays import Array
from bptt.gradients.by_lag import LagProfile
from bptt.gradients.by_lag.walk import Walking, lags_of
from bptt.gradients.by_lag.work import Work
from bptt.gradients.by_step import StepProfile, by_step
from bptt.layers.stacked import columns_of
from bptt.torch_models.as_found import without_wrappers
from bptt.torch_models.capture import Call, Errors
from bptt.torch_models.capture.numbers import time_first
from bptt.torch_models.capture.room import AT_ONCE, give_back
from bptt.torch_models.convert import stack_of
from bptt.torch_models.decompose.bounds import LITTLE, Bounds, Spent
from bptt.torch_models.decompose.choosing import portion_of
from bptt.torch_models.decompose.some_columns import columns_of_sequences
from bptt.torch_models.replay import (
    Links,
    Portion,
    Replay,
    Strand,
    gradient_of,
    replay,
    replay_in_portions,
)


def all_replayed(
    strands: Sequence[Strand], immediate: Errors, bounds: Bounds, spent: Spent
) -> tuple[list[Replay], Spent]:
    """Every module's calls run again, each within its share of the time and what is left of the memory.

    Args:
        strands: the calls.
        immediate: the errors at the outputs of each call.
        bounds: of the measurement.
        spent: what it has taken so far.

    Returns:
        the calls; and what the measurement takes beside the walks.

    Raises:
        AgreementError: if the states are not PyTorch's.
        OptionError: if the memory does not suffice.
    """
    works = [work_of(strand) for strand in strands]
    each = [work.training * float(s.lengths.sum()) for work, s in zip(works, strands, strict=True)]
    alone = [_is_alone(strand, strands, immediate) for strand in strands]
    spent = replace(spent, check=sum(each))
    part = bounds.compared(spent)
    checks = [
        own * part if may and strand.calls[0].again is not None else own
        for own, may, strand in zip(each, alone, strands, strict=True)
    ]
    spent = replace(spent, check=sum(checks))
    replays = []
    for strand, work, own, may in zip(strands, works, each, alone, strict=True):
        share = replace(spent, share=own / sum(each))
        if may:
            replays.append(_in_part(strand, immediate, bounds, share, part))
        else:
            rows = float(strand.lengths.sum())
            spent.refuse(work.bytes_run * rows, f"running {strand.path or 'the model'} again")
            replays.append(replay(strand, immediate))
        kept = replays[-1].trace.traces[0].x
        if bounds.memory is not None:
            give_back()
        spent = replace(spent, bytes=spent.bytes + work.bytes_run * kept.shape[0] * kept.shape[1])
    return replays, spent


def _is_alone(strand: Strand, others: Sequence[Strand], immediate: Errors) -> bool:
    """Whether a module's calls are one over sequences that know of no other call, and the loss reaches it directly."""
    start = strand.starts[0]
    together = len(strand.starts) > 1 or start.link or bool(start.feeds) or start.call.is_cell
    shared = sum(other.path == strand.path for other in others) > 1
    grads = immediate[start.call.index]
    return not (together or shared or all(grad is None for grad in grads))


def _in_part(
    strand: Strand, immediate: Errors, bounds: Bounds, spent: Spent, part: float
) -> Replay:
    """Run a call again: all sequences at once, or a portion that is kept and others a few at a time.

    Args:
        strand: of one call that stands alone.
        immediate: the errors at its outputs.
        bounds: of the measurement.
        spent: what it takes beside this module.
        part: of the sequences, that there is time to compare with autograd.

    Raises:
        AgreementError: if the states are not PyTorch's.
        OptionError: if the memory does not suffice.
    """
    work, rows, call = work_of(strand), float(strand.lengths.sum()), strand.calls[0]
    reach = _reach(call, immediate)
    portion = portion_of(work, reach, bounds, spent, rows=rows, one_way=not call.acting.two)
    kept = work.bytes_walked * len(reach) * len(portion.columns)
    spent.refuse(kept, f"the walk by lag of {strand.path or 'the model'}")
    left = bounds.bytes(work.bytes_walked * rows / 2, spent) - kept
    compared = max(int(part * portion.of), len(portion.columns))
    if call.again is not None and compared < portion.of:
        portion = replace(portion, compared=compared)
    elif work.bytes_run * rows <= left / 2 and work.training * rows <= AT_ONCE:
        return replace(replay(strand, immediate), portion=portion)  # one pass is quicker than two
    if len(portion.columns) == portion.of:
        return replace(replay(strand, immediate), portion=portion)
    quick = max(8, AT_ONCE / (work.training * len(reach)))
    size = min(left / 2 / (work.bytes_run * len(reach)), quick)
    return replay_in_portions(strand, immediate, portion, max(1, int(size)))


def chosen_of_chains(
    model: nn.Module, replays: Sequence[Replay], links: Links, bounds: Bounds, spent: Spent
) -> tuple[list[Array] | None, list[str]]:
    """Which sequences of calls that pass their states on are taken apart, so that they stay within the bounds.

    Args:
        model: the user's.
        replays: the calls.
        links: what lies between them.
        bounds: of the measurement.
        spent: what it takes beside them.

    Returns:
        per stack the columns that are taken, None for all; and what to say of it.
    """
    wanted = training = walked = 0.0
    for own in replays:
        work, place = work_of(own.strand), own.strand.timeline
        reach = np.logical_or.reduce([d.any(-1) for d in own.errors])
        back = np.arange(len(reach))[:, None] + place.first
        if bounds.max_lag is not None:
            back = np.minimum(back, bounds.max_lag)
        wanted += work.per_row * float((back + 1)[reach].sum())
        rows = float(own.strand.lengths.sum())
        training += work.training * rows
        walked += work.bytes_walked * rows
    most, room = bounds.operations(training, wanted, spent), bounds.bytes(walked / 2, spent)
    times = max(wanted / max(most, 1.0), walked / max(room, 1.0))
    sizes = {len(call.lengths) for own in replays for call in own.strand.calls}
    B, fixed = max(sizes), isinstance(bounds.sequences, int)
    n = min(B, int(bounds.sequences)) if fixed else max(1, int(B / times))  # type: ignore[arg-type]
    if bounds.sequences == "all" or n >= B or (not fixed and times <= 1):
        return None, []
    names = " and ".join(
        dict.fromkeys(without_wrappers(own.strand.path, model) or "model" for own in replays)
    )
    chosen = np.sort(np.random.default_rng(bounds.seed).permutation(B)[:n])
    kept = None if len(sizes) > 1 else columns_of_sequences(replays, links, chosen)
    if kept is not None and any(
        d.take(k, 1).any() for own, k in zip(replays, kept, strict=True) for d in own.errors
    ):
        return kept, [Portion(chosen, B, 1, bounds.seed).taken(names)]
    return None, [
        f"What lies between the calls of {names} mixes sequences, or they differ in number, or those drawn have no part in the "
        f"loss, so that all of them are taken apart: about {times:.2g} times what was allowed. A batch of fewer sequences, or max_lag=, costs less."
    ]


def work_of(strand: Strand) -> Work:
    """What a module's calls cost."""
    stack = stack_of(strand.calls[0].acting)
    return Work.of(stack.layers, stack.inputs)


def taken_apart(
    own: Replay, bounds: Bounds, spent: Spent
) -> tuple[Replay, Portion, list[LagProfile], Callable[[], list[StepProfile]]]:
    """The lags and steps of calls that nothing lies between.

    Args:
        own: the calls; where they were run again as a whole, a portion of them may be chosen here.
        bounds: of the measurement.
        spent: what it takes beside these calls.

    Returns:
        the same calls, with what is to be compared with autograd; the portion; per layer the gradient by lag; and what
        makes that by step.
    """
    portion = own.portion
    if portion is None:
        traces = own.trace.traces
        work = work_of(own.strand)
        reach = np.logical_or.reduce([d.any(-1) for d in own.errors])
        one_way = len(traces) == len(own.trace.levels)
        rows = float(own.strand.lengths.sum())
        portion = portion_of(work, reach, bounds, spent, rows=rows, one_way=one_way)
    trace, errors = own.trace, own.errors
    if not portion.is_all and own.whole is None:
        own = replace(own, whole=gradient_of(trace, errors))
        if len(portion.columns) < portion.of:
            trace = columns_of(trace, portion.columns)
            errors = [d.take(portion.columns, 1) for d in errors]
            if own.portion is not None:  # nothing more is asked of the others
                own = replace(own, trace=trace, errors=errors)
    eps = float(np.finfo(trace.traces[0].x.dtype).eps)
    steps, until = len(trace.traces[0].x), bounds.until
    little = 0.0 if portion.is_all else eps / steps
    walking = Walking(
        bounds.max_lag,
        tolerance=0.0 if until is None else LITTLE,
        least=0 if until is None else until(steps),
        negligible=little if until is None else LITTLE / steps,
        by_sequence=bounds.spread and len(portion.columns) < portion.of,
        by_loss_step=bounds.spread,
        update=bounds.update,
    )
    profiles = lags_of(trace, portion.thinned(errors), walking)
    return own, portion, profiles, lambda: by_step(trace, errors)


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
