"""What was captured of a recurrent module, run again with our own equations.

The dropout between levels is drawn again from the same random numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bptt.arrays import Array
from bptt.errors import AgreementError
from bptt.layers import StackTrace
from bptt.layers.masks import Mask, ProjectedMask
from bptt.torch_models.capture import Errors
from bptt.torch_models.capture.numbers import layer_errors, masks_of, states_of, time_first
from bptt.torch_models.convert import joined_projections, stack_of, to_numpy
from bptt.torch_models.replay.portion import Portion
from bptt.torch_models.replay.strands import Strand

# How far PyTorch's numbers may lie from ours, relative to the largest, by the type it computed in.
TOLERANCE = {
    torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Replay:
    """A module's calls as one pass through a stack.

    Attributes:
        strand: the calls, and where they stand in the batch.
        trace: the forward pass.
        errors: per layer the immediate gradient on its states, (T, B, S), in its own order.
        projections: per layer W_hr (P, H), or None.
        tolerance: how far PyTorch's numbers may lie off.
        portion: which sequences of the call these are; None for all.
        whole: per layer dW_R of all sequences that are compared with autograd, where these are others too; else None.
        theirs: per layer autograd's dW_hh of them, where they are not all of the batch; else None.
    """

    strand: Strand
    trace: StackTrace
    errors: list[Array]
    projections: list[Array | None]
    tolerance: float
    portion: Portion | None = None
    whole: list[Array] | None = None
    theirs: list[Array] | None = None


def replay(strand: Strand, immediate: Errors) -> Replay:
    """Run a module's calls again.

    Args:
        strand: the calls.
        immediate: the errors at the outputs of each.

    Raises:
        AgreementError: if the states are not PyTorch's: then this module is not what it seems.
    """
    calls, name = strand.calls, strand.path or "model"
    acting = calls[0].acting
    stack = stack_of(acting)
    W_hr: list[Array | None] = [to_numpy(W) for W in acting.projections]
    W_hr = W_hr or [None] * len(stack.layers)
    T, B = strand.steps, len(strand.lengths)
    inputs = [time_first(call, call.x) for call in calls]
    x = np.zeros((T, B, inputs[0].shape[2]), stack.dtype)
    for call, array in zip(calls, inputs, strict=True):
        strand.place(call.index, array, x)
    h0, *c0 = _initial(strand, W_hr, stack.dtype)
    trace = stack.forward(
        x, h0, c0[0] if c0 else None, lengths=strand.lengths, resets=strand.resets,
        masks=_masks(strand, stack.dtype),
    )  # fmt: skip
    tolerance = TOLERANCE[calls[0].outputs[0].dtype]
    _compare(name, strand, trace, W_hr, tolerance)
    return Replay(strand, trace, placed_errors(strand, trace, immediate), W_hr, tolerance)


def placed_errors(strand: Strand, trace: StackTrace, errors: Errors) -> list[Array]:
    """Errors at the outputs of calls as errors of the states of every layer, (T, B, S).

    Args:
        strand: the calls.
        trace: their forward pass.
        errors: by the call's index; none of a call that is missing.
    """
    T, B = strand.steps, len(strand.lengths)
    placed = [np.zeros((T, B, t.layer.state_size), t.layer.dtype) for t in trace.traces]
    for call in strand.calls:
        grads = errors.get(call.index, [])
        if any(grad is not None for grad in grads):
            for array, into in zip(layer_errors(call, grads), placed, strict=True):
                strand.place(call.index, array, into)
    return placed


def _initial(
    strand: Strand, W_hr: Sequence[Array | None], dtype: np.dtype[Any]
) -> list[list[Array]]:
    """(h0,) or (h0, c0), a list of one (B, H) array per layer, from the calls that columns begin with."""
    parts = [states_of(call, call.states) for call in strand.calls]
    columns = len(strand.lengths)
    states = [np.zeros((len(p), columns, p.shape[2]), dtype) for p in parts[0]]
    for call, own in zip(strand.calls, parts, strict=True):
        begins = strand.begins[call.index]
        for to, part in zip(states, own, strict=True):
            to[:, strand.column[call.index][begins]] = part[:, begins]
    h0 = [h if W is None else h @ np.linalg.pinv(W).T for h, W in zip(states[0], W_hr, strict=True)]
    return [h0, *(list(state) for state in states[1:])]


def _masks(strand: Strand, dtype: np.dtype[Any]) -> list[Mask | None] | None:
    """Per level what multiplied its inputs; None without dropout."""
    drawn = {call.index: masks_of(call) for call in strand.calls}
    if not any(drawn.values()):
        return None
    levels = strand.calls[0].acting.layers - 1
    sizes = [masks[0].shape[2] for masks in drawn.values() if masks]
    masks = [np.ones((strand.steps, len(strand.lengths), sizes[0]), dtype) for _ in range(levels)]
    for index, own in drawn.items():
        for array, into in zip(own, masks, strict=False):
            strand.place(index, array, into)
    acting = strand.calls[0].acting
    W_hr, step = [to_numpy(W) for W in acting.projections], 1 + acting.two
    if not W_hr:
        return [None, *masks]
    below = [joined_projections(W_hr[n : n + step]) for n in range(0, step * levels, step)]
    return [None, *(ProjectedMask.of(mask, P) for mask, P in zip(masks, below, strict=True))]


def _compare(
    name: str,
    strand: Strand,
    trace: StackTrace,
    W_hr: Sequence[Array | None],
    tolerance: float,
) -> None:
    """Refuse states that are not PyTorch's.

    Raises:
        AgreementError: if they are not.
    """
    two = strand.calls[0].acting.two
    parts = np.split(trace.outputs, 1 + two, axis=2)
    ours = np.concatenate(
        [p if W is None else p @ W.T for p, W in zip(parts, W_hr[-1 - two :], strict=True)], axis=2
    )
    largest, off = 1e-30, 0.0
    for call in strand.calls:
        theirs = time_first(call, call.outputs[0])
        steps = np.arange(len(theirs))[:, None]
        own = ours[steps + strand.step[call.index], strand.column[call.index]]
        real = steps < np.array(call.lengths)
        off = max(off, float(np.abs(own - theirs)[real].max()))
        largest = max(largest, float(np.abs(theirs).max()))
    if not off / largest <= tolerance:
        raise AgreementError(
            name, f"the states that PyTorch computed, to {tolerance:g}",
            f"a difference of {off / largest:.1e}",
            "Look for a weight or a state that changes on the way.",
        )  # fmt: skip
