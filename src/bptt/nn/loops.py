"""The compiled loops over PyTorch's tensors: what comes out is made here, as PyTorch lays it out, and addresses are handed over."""

import torch
from torch import Tensor

from bptt.errors import OptionError
from bptt.kernels import pool, whole_layer
from bptt.nn.call import Call

KINDS = whole_layer.KINDS
Found = tuple[Tensor | None, ...]
IN_LINE = torch.contiguous_format


def room(call: Call, x: Tensor) -> Tensor:
    """For what the way back needs: memory that an earlier step used, where there is some.

    Args:
        call: its sizes.
        x: what is read.
    """
    dtype = "float64" if x.dtype is torch.float64 else "float32"
    return torch.from_numpy(pool.empty((numbers_saved(call, x),), dtype))


def numbers_saved(call: Call, x: Tensor) -> int:
    """How many numbers the way back needs.

    Args:
        call: its sizes.
        x: what is read.
    """
    rows = call.T * call.B if call.batch_sizes is None else x.shape[0]
    return whole_layer.numbers_saved(KINDS[call.mode], rows, call.H, call.layers, call.directions)


def unwritten(call: Call, x: Tensor) -> tuple[Tensor, ...]:
    """The tensors that ``forward`` writes and returns.

    Args:
        call: its sizes.
        x: what is read.
    """
    dtype, device = x.dtype, x.device
    h = torch.empty(call.state_shape, dtype=dtype, device=device)
    finals = (h, torch.empty_like(h)) if call.mode == "LSTM" else (h,)
    if call.is_cell:
        return finals
    width = call.H * (1 + call.two)
    if call.batch_first:  # time first in memory, as PyTorch has it
        shape, strides = (call.B, call.T, width), (width, call.B * width, 1)
        return (torch.empty_strided(shape, strides, dtype=dtype, device=device), *finals)
    return (torch.empty((*x.shape[:-1], width), dtype=dtype, device=device), *finals)


def forward(
    call: Call, x: Tensor, tensors: tuple[Tensor, ...], saved: Tensor | None
) -> tuple[Tensor, ...]:
    """The outputs and the final states; of a cell the states alone.

    Args:
        call: its sizes.
        x: what is read.
        tensors: all that follows it.
        saved: takes what the way back needs; None if there is none.
    """
    outputs = unwritten(call, x)
    x, (states, weights, masks) = _rows(x), call.taken_apart(_in_line(tensors))
    whole_layer.forward(
        KINDS[call.mode], x.dtype is torch.float64, call.T, call.B, call.I, call.H, call.layers, 1 + call.two,
        _at(call.batch_sizes), x.data_ptr(), *_strides(call, x), *_two(states), _each(call, weights), _at(*masks),
        *((0, 0, 0) if call.is_cell else (outputs[0].data_ptr(), *_strides(call, outputs[0]))),
        *_two(outputs[-call.parts :]), _at(saved), torch.get_num_threads(),
    )  # fmt: skip
    return outputs


def backward(
    call: Call,
    x: Tensor,
    tensors: tuple[Tensor, ...],
    saved: Tensor,
    grads: tuple[Tensor | None, ...],
    wanted: tuple[bool, ...],
) -> Found:
    """The gradient by x and all that follows it; None where it is not wanted.

    Args:
        call: its sizes.
        x: what was read.
        tensors: all that follows it.
        saved: what the forward pass left.
        grads: by what came out; None for zero.
        wanted: by which tensors a gradient is wanted.
    """
    found = tuple(
        torch.empty_like(tensor, memory_format=IN_LINE) if needed else None
        for tensor, needed in zip((x, *tensors), wanted, strict=True)
    )
    dstates, dweights, _ = call.taken_apart(found[1:])
    x, (states, weights, masks) = _rows(x), call.taken_apart(_in_line(tensors))
    dy = None if call.is_cell or grads[0] is None else _rows(grads[0])
    dfinals = tuple(None if g is None else g.contiguous() for g in grads[-call.parts :])
    dx = found[0]
    whole_layer.backward(
        KINDS[call.mode], x.dtype is torch.float64, call.T, call.B, call.I, call.H, call.layers, 1 + call.two,
        _at(call.batch_sizes), x.data_ptr(), *_strides(call, x), *_two(states), _each(call, weights), _at(*masks),
        saved.data_ptr(), _at(dy), *_strides(call, dy), *_two(dfinals), _at(dx), *_strides(call, dx), *_two(dstates),
        _each(call, dweights), torch.get_num_threads(),
    )  # fmt: skip
    return found


def only_once() -> OptionError:
    """What is said to whoever differentiates a gradient again."""
    return OptionError(
        "create_graph", "gradients that are taken once", "gradients of gradients",
        "bptt.restore(model) gives PyTorch's own layers back, which have them.",
    )  # fmt: skip


def _rows(x: Tensor) -> Tensor:
    """With the numbers of a row side by side; copied only where they are not."""
    return x if x.stride(-1) == 1 else x.contiguous()


def _in_line(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """C-contiguous; copied only where they are not."""
    return tuple([t if t.is_contiguous() else t.contiguous() for t in tensors])


def _at(tensor: Tensor | None = None) -> int:
    """Its address; 0 where there is none."""
    return 0 if tensor is None else tensor.data_ptr()


def _two(states: tuple[Tensor | None, ...]) -> tuple[int, int]:
    """Addresses of h and c."""
    return _at(states[0]) if states else 0, _at(states[1]) if len(states) > 1 else 0


def _each(call: Call, weights: tuple[Tensor | None, ...]) -> tuple[int, ...]:
    """Addresses of the weights, four to a level and direction."""
    found = [0 if W is None else W.data_ptr() for W in weights]
    if not call.biases:
        found = [address for n in range(0, len(found), 2) for address in (*found[n : n + 2], 0, 0)]
    return tuple(found)


def _strides(call: Call, x: Tensor | None) -> tuple[int, int]:
    """The numbers from step to step and from sequence to sequence."""
    if x is None:
        return 0, 0
    strides = x.stride()
    if len(strides) == 3:
        return (strides[1], strides[0]) if call.batch_first else (strides[0], strides[1])
    row = strides[0] if len(strides) == 2 else 0  # one sequence, one step, or packed rows
    return row, row
