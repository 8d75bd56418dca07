"""What was captured of a recurrent module, run again with our own equations.

Calls that go on from one another are one sequence; sequences that do not meet are one batch. The dropout between
levels is drawn again from the same random numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from bptt.arrays import Array
from bptt.errors import AgreementError, OptionError
from bptt.layers import StackTrace
from bptt.layers.sequences import in_reverse, inside
from bptt.torch_models.capture import Call
from bptt.torch_models.convert import projections, stack_of, suffixes, to_numpy

# How far PyTorch's numbers may lie from ours, relative to the largest, by the type it computed in.
TOLERANCE = {
    torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Replay:
    """A module's calls as one pass through a stack.

    Attributes:
        module: the module.
        trace: the forward pass.
        errors: per layer the immediate gradient on its states, (T, B, S), in its own order.
        projections: per layer W_hr (P, H), or None.
        tolerance: how far PyTorch's numbers may lie off.
    """

    module: Any
    trace: StackTrace
    errors: list[Array]
    projections: list[Array | None]
    tolerance: float


@dataclass(eq=False)
class _Sequences:
    """Calls in a row, as arrays, time first.

    Attributes:
        x: (T, B, I) inputs.
        lengths: (B,) steps.
        states: the initial ones, (layers, B, ·) each.
        out: (T, B, ·) what PyTorch computed.
        errors: per layer (T, B, S), in its own order.
        masks: per level from the second, (T, B, ·); none without dropout.
    """

    x: Array
    lengths: Array
    states: list[Array]
    out: Array
    errors: list[Array]
    masks: list[Array]


def replay(name: str, calls: list[Call]) -> Replay:
    """Run a module's calls again.

    Raises:
        AgreementError: if the states are not PyTorch's: then this module is not what it seems.
        OptionError: for dropout between levels of an LSTM with a projection.
    """
    module = calls[0].module
    stack, two = stack_of(module), getattr(module, "bidirectional", False)
    W_hr: list[Array | None] = list(projections(module, suffixes(module)))
    W_hr = W_hr or [None] * len(stack.layers)
    followed = {id(call.previous) for call in calls if call.previous is not None}
    ends = [call for call in calls if id(call) not in followed]
    batch = _together([_sequences(_chain(end), W_hr) for end in ends])
    h0 = [
        h if W is None else h @ np.linalg.pinv(W).T
        for h, W in zip(batch.states[0], W_hr, strict=True)
    ]
    c0 = list(batch.states[1]) if len(batch.states) == 2 else None
    if batch.masks and W_hr[0] is not None:
        raise OptionError(
            name, "no dropout between levels of an LSTM with a projection", f"dropout={module.dropout}",
            "Measure it in eval mode: model.eval().",
        )  # fmt: skip
    masks = [None, *batch.masks] if batch.masks else None
    trace = stack.forward(batch.x, h0, c0, lengths=batch.lengths, masks=masks)
    parts = np.split(trace.outputs, 1 + two, axis=2)
    replayed = np.concatenate(
        [p if W is None else p @ W.T for p, W in zip(parts, W_hr[-1 - two :], strict=True)], axis=2
    )
    tolerance = TOLERANCE[calls[0].out.dtype]
    within = inside(batch.lengths, len(replayed))
    off = np.abs(replayed - batch.out)[within].max() / max(np.abs(batch.out).max(), 1e-30)
    if not off <= tolerance:
        raise AgreementError(
            name, f"the states that PyTorch computed, to {tolerance:g}", f"a difference of {off:.1e}",
            "Look for a subclass with a forward of its own, or a weight that changes on the way.",
        )  # fmt: skip
    return Replay(module, trace, batch.errors, W_hr, tolerance)


def _chain(last: Call) -> list[Call]:
    """The calls that end in this one, first to last."""
    calls = [last]
    while calls[0].previous is not None:
        calls.insert(0, calls[0].previous)
    return calls


def _sequences(calls: list[Call], W_hr: list[Array | None]) -> _Sequences:
    module = calls[0].module
    parts = [_one_call(call) for call in calls]
    x, out = (np.concatenate([part[name] for part in parts]) for name in ("x", "out"))
    T, B, _ = x.shape
    lengths = parts[0]["lengths"] if len(parts) == 1 else np.full(B, T)
    layers, two = len(W_hr), getattr(module, "bidirectional", False)
    P = parts[0]["final"][0].shape[2]
    errors = [np.zeros((T, B, P), x.dtype) for _ in range(layers)]
    of_c = [np.zeros((T, B, module.hidden_size), x.dtype) for _ in range(layers)]
    top = np.split(np.concatenate([part["at_out"] for part in parts]), 1 + two, axis=2)
    errors[layers - 1 - two] += top[0]
    if two:
        errors[-1] += in_reverse(top[1], lengths)
    start = 0
    for part in parts:
        last = start + part["lengths"] - 1  # in a layer's own order
        start += len(part["x"])
        for to, final in zip((errors, of_c), part["at_final"], strict=False):
            for number in range(layers):
                to[number][last, np.arange(B)] += final[number]
    errors = [e if W is None else e @ W for e, W in zip(errors, W_hr, strict=True)]
    if len(parts[0]["final"]) == 2:
        errors = [np.concatenate(both, axis=2) for both in zip(errors, of_c, strict=True)]
    masks = [
        np.concatenate(level) for level in zip(*(part["masks"] for part in parts), strict=True)
    ]
    states = parts[0]["states"] or [np.zeros_like(f) for f in parts[0]["final"]]
    return _Sequences(x, lengths, states, out, errors, masks)


def _one_call(call: Call) -> dict[str, Any]:
    """Everything of a call as arrays, time first, with a batch axis and a layer axis of states."""
    at_out, *at_final = call.errors
    if call.is_cell:
        at_out = None  # the same as of the state
    final = [_states(call, state) for state in call.final]
    x, lengths = _time_first(call, call.x.data if isinstance(call.x, PackedSequence) else call.x)
    return {
        "x": x,
        "lengths": lengths,
        "out": _time_first(call, call.out)[0],
        "at_out": _time_first(call, torch.zeros_like(call.out) if at_out is None else at_out)[0],
        "final": final,
        "at_final": [
            np.zeros_like(f) if e is None else _states(call, e)
            for f, e in zip(final, at_final, strict=True)
        ],
        "states": None if call.states is None else [_states(call, state) for state in call.states],
        "masks": _masks(call),
    }


def _time_first(call: Call, numbers: Tensor) -> tuple[Array, Array]:
    """(T, B, ·) and the lengths (B,), of a call's inputs, outputs or errors."""
    if isinstance(call.x, PackedSequence):
        padded, lengths = pad_packed_sequence(call.x._replace(data=numbers.detach()))
        return to_numpy(padded), lengths.numpy()
    array = to_numpy(numbers)
    if call.is_cell:
        array = array.reshape(1, -1, array.shape[-1])
    elif array.ndim == 2:  # without a batch axis
        array = array[:, None]
    elif call.module.batch_first:
        array = np.ascontiguousarray(array.transpose(1, 0, 2))
    return array, np.full(array.shape[1], len(array))


def _states(call: Call, state: Tensor) -> Array:
    """(layers, B, ·)."""
    array = to_numpy(state)
    if call.is_cell:
        return array.reshape(1, -1, array.shape[-1])
    return array if array.ndim == 3 else array[:, None]


def _masks(call: Call) -> list[Array]:
    """What dropout multiplied the inputs of the levels from the second on with, drawn again."""
    if call.rng is None:
        return []
    module = call.module
    ones = torch.ones_like(call.out)
    if not isinstance(call.x, PackedSequence) and ones.ndim == 3 and module.batch_first:
        ones = torch.ones_like(ones.transpose(0, 1), memory_format=torch.contiguous_format)
    drawn = []
    with torch.random.fork_rng(devices=[ones.device] if ones.is_cuda else []):
        torch.cuda.set_rng_state(call.rng, ones.device) if ones.is_cuda else torch.set_rng_state(
            call.rng
        )
        for _ in range(module.num_layers - 1):
            mask = functional.dropout(ones, module.dropout)
            if isinstance(call.x, PackedSequence) or not module.batch_first or mask.ndim == 2:
                drawn.append(_time_first(call, mask)[0])
            else:
                drawn.append(to_numpy(mask))
    return drawn


def _together(batch: list[_Sequences]) -> _Sequences:
    """One batch of them all, padded to the longest."""
    if len(batch) == 1:
        return batch[0]
    T = max(len(part.x) for part in batch)

    def padded(arrays: list[Array]) -> Array:
        wide = [np.pad(a, [(0, T - len(a)), (0, 0), (0, 0)]) for a in arrays]
        return np.concatenate(wide, axis=1)

    def each(name: str) -> list[Array]:
        return [
            padded(list(arrays)) for arrays in zip(*(getattr(p, name) for p in batch), strict=True)
        ]

    return _Sequences(
        padded([part.x for part in batch]),
        np.concatenate([part.lengths for part in batch]),
        [np.concatenate(s, axis=1) for s in zip(*(part.states for part in batch), strict=True)],
        padded([part.out for part in batch]),
        each("errors"),
        each("masks"),
    )
