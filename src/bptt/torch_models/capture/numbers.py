"""What PyTorch hands to and gets from a call, as arrays in this library's order: time first, layer by layer."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from bptt.arrays import Array
from bptt.layers.sequences import in_reverse
from bptt.torch_models.capture import Call
from bptt.torch_models.convert import to_numpy

Grads = Sequence[Tensor | None]  # one per output of a call; None for zero


def time_first(call: Call, numbers: Tensor) -> Array:
    """(T, B, ·) of a call's inputs or outputs, or of errors at them; zero behind a sequence's end."""
    if call.batch_sizes is not None:
        packed = PackedSequence(numbers.detach(), call.batch_sizes)
        return to_numpy(pad_packed_sequence(packed)[0])
    array = to_numpy(numbers)
    if call.is_cell:
        return array[None]
    return np.ascontiguousarray(array.transpose(1, 0, 2)) if call.batch_first else array


def like_pytorch(call: Call, array: Array, like: Tensor) -> Tensor:
    """(T, B, ·) errors as a tensor in the form of the call's inputs."""
    if call.batch_sizes is not None:
        rows = [array[t, :n] for t, n in enumerate(call.batch_sizes.tolist())]
        array = np.concatenate(rows)
    elif call.is_cell:
        array = array[0]
    elif call.batch_first:
        array = array.transpose(1, 0, 2)
    return torch.from_numpy(np.ascontiguousarray(array)).to(like)


def states_of(call: Call, states: Sequence[Tensor]) -> list[Array]:
    """(layers, B, ·) of each part of a call's states, or of errors at them."""
    arrays = [to_numpy(state) for state in states]
    return [array[None] for array in arrays] if call.is_cell else arrays


def layer_errors(call: Call, grads: Grads) -> list[Array]:
    """Errors at a call's outputs as errors of the states of every layer, (T, B, S) each in its own order.

    Args:
        call: whose outputs.
        grads: one per output, None for zero.
    """
    if call.is_cell:
        parts = [
            to_numpy(torch.zeros_like(out) if grad is None else grad)
            for out, grad in zip(call.outputs, grads, strict=True)
        ]
        return [np.concatenate(parts, axis=1)[None]]
    W_hr = [to_numpy(W) for W in call.acting.projections]
    layers, two = len(call.acting.per_layer), call.acting.two
    T, B = call.steps, len(call.lengths)
    of_c = len(call.states) == 2
    lengths, rows = np.array(call.lengths), np.arange(B)
    dtype = to_numpy(call.outputs[0][:0]).dtype
    sizes = [call.outputs[call.final][0].shape[-1], call.acting.hidden]
    errors = [np.zeros((T, B, sizes[0]), dtype) for _ in range(layers)]
    errors_c = [np.zeros((T, B, sizes[1]), dtype) for _ in range(layers)]
    if grads[0] is not None:
        top = np.split(time_first(call, grads[0]), 1 + two, axis=2)
        errors[layers - 1 - two] += top[0]
        if two:
            errors[-1] += in_reverse(top[1], None if call.batch_sizes is None else lengths)
    for to, final in zip((errors, errors_c), grads[call.final], strict=False):
        if final is not None:
            for error, last in zip(to, states_of(call, [final])[0], strict=True):
                error[lengths - 1, rows] += last
    if W_hr:
        errors = [e @ W for e, W in zip(errors, W_hr, strict=True)]
    if of_c:
        errors = [np.concatenate(both, axis=2) for both in zip(errors, errors_c, strict=True)]
    return errors


def masks_of(call: Call) -> list[Array]:
    """What dropout multiplied the inputs of the levels from the second on with, drawn again, (T, B, ·)."""
    if call.rng is None:
        return []
    if call.of is not None:
        whole, columns = call.of
        return [mask[: call.steps, columns] for mask in masks_of(whole)]
    ones = torch.ones_like(call.outputs[0])
    if call.batch_first:  # PyTorch draws them time first
        ones = torch.ones_like(ones.transpose(0, 1), memory_format=torch.contiguous_format)
    drawn = []
    with torch.random.fork_rng(devices=[ones.device] if ones.is_cuda else []):
        torch.cuda.set_rng_state(call.rng, ones.device) if ones.is_cuda else torch.set_rng_state(
            call.rng
        )
        for _ in range(call.acting.layers - 1):
            mask = functional.dropout(ones, call.dropout)
            drawn.append(time_first(call, mask) if call.batch_sizes is not None else to_numpy(mask))
    return drawn
