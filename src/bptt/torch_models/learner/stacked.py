"""Modules on top of one another as the one stack that they are.

``nn.LSTM`` twice is the same network as ``nn.LSTM`` of two levels, and so are two cells in a loop: where one module reads at
every step what another puts out, as it is, their lags are counted together. What lies between them must be nothing: the
numbers must be equal, and so must the errors that come back.
"""

from collections.abc import Sequence

import numpy as np
import torch

from bptt.arrays import Array
from bptt.layers import Stack, StackTrace
from bptt.layers.levels import BidirectionalTrace
from bptt.layers.stack import backward_from
from bptt.torch_models.capture import Captured
from bptt.torch_models.capture.carry import at_outputs, shut
from bptt.torch_models.capture.numbers import time_first
from bptt.torch_models.replay import Replay
from bptt.torch_models.replay.run_again import placed_errors

Part = tuple[StackTrace, list[Array]]


def stacked(replays: Sequence[Replay], captured: Captured) -> list[Part]:
    """Forward pass and immediate errors of each part, with those on top of one another put together.

    Args:
        replays: of modules by themselves.
        captured: the model's calls, with their graph.
    """
    above: dict[int, int] = {}
    for low, own in enumerate(replays):
        readers = [high for high, other in enumerate(replays) if _reads(other, own)]
        if len(readers) == 1:
            above[low] = readers[0]
    apart: dict[int, list[Array]] = {}
    for low, high in list(above.items()):
        errors = _without(replays[low], replays[high], captured)
        if errors is None or list(above.values()).count(high) > 1:
            del above[low]
        else:
            apart[low] = errors
    parts = []
    for bottom in (n for n in range(len(replays)) if n not in above.values()):
        members = [bottom]
        while members[-1] in above:
            members.append(above[members[-1]])
        traces = [replays[n].trace for n in members]
        errors = [d for n in members for d in apart.get(n, replays[n].errors)]
        parts.append((traces[0] if len(traces) == 1 else _joined(traces), errors))
    return parts


def _joined(traces: Sequence[StackTrace]) -> StackTrace:
    return StackTrace(
        Stack([level for trace in traces for level in trace.stack.levels]),
        tuple(level for trace in traces for level in trace.levels),
        tuple(mask for trace in traces for mask in trace.masks),
    )


def _reads(high: Replay, low: Replay) -> bool:
    """Whether one module is given, step by step, what the other puts out."""
    if high is low or not (_is_plain(high) and _is_plain(low)):
        return False
    x = high.trace.traces[0].x
    if x.shape != low.trace.outputs.shape or x.dtype != low.trace.outputs.dtype:
        return False
    a, b = high.strand.timeline, low.strand.timeline
    if not all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("first", "sequence", "lengths")
    ):
        return False
    out = np.zeros_like(x)
    for call in low.strand.calls:
        low.strand.place(call.index, time_first(call, call.outputs[0]), out)
    return np.array_equal(out, x)


def _is_plain(own: Replay) -> bool:
    """Whether errors go down its levels in one direction, from the states themselves."""
    one_way = not any(isinstance(level, BidirectionalTrace) for level in own.trace.levels)
    return one_way and all(W is None for W in own.projections)


def _without(low: Replay, high: Replay, captured: Captured) -> list[Array] | None:
    """The immediate errors of the lower module but for what comes by way of the higher; None if that is something else."""
    calls = low.strand.calls
    gates = [call.state_gate for call in calls]
    with shut([*gates, *(call.input_gate for call in high.strand.calls)]):
        grads = at_outputs([captured.root], [torch.ones_like(captured.root)], calls)
    own = {call.index: errors for call, errors in zip(calls, grads, strict=True)}
    errors = placed_errors(low.strand, low.trace, own)
    by_way = backward_from(high.trace, high.errors).dx
    assert by_way is not None  # a level's inputs are numbers
    H = low.trace.traces[-1].layer.hidden
    difference = low.errors[-1][..., :H] - errors[-1][..., :H] - by_way
    largest = max(float(np.abs(by_way).max()), float(np.abs(low.errors[-1]).max()))
    if not np.abs(difference).max() <= low.tolerance * largest:
        return None
    return errors
