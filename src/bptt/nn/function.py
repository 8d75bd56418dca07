"""A call, with its way back for autograd where one may be asked for.

Without a gradient nothing is saved. With one, everything is handed to autograd to save: a weight that is changed between the
two passes is found out, and whoever packs saved tensors (checkpointing, offloading) sees them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bptt.nn import loops, transforms
from bptt.nn.call import Call


def run(
    call: Call, x: Tensor, states: tuple[Tensor, ...], weights: tuple[Tensor, ...], dropout: float
) -> tuple[Tensor, ...]:
    """The outputs and the final states; of a cell the states alone.

    Args:
        call: its sizes.
        x: what is read.
        states: the initial ones; none are zeros.
        weights: of every level and direction.
        dropout: between the levels, in this call.
    """
    tensors = states + weights
    if dropout and call.layers > 1:
        rows = (x.shape[0],) if call.batch_sizes is not None else (call.T, call.B)
        ones = x.new_ones((*rows, call.H * call.directions))
        call.masks, tensors = True, (*tensors, masks(ones, call.layers, dropout))
    if transforms.are_active():
        return transforms.run(call, x, tensors)
    if torch.is_grad_enabled():
        for tensor in (x, *tensors):
            if tensor.requires_grad:
                return _Run.apply(call, x, *tensors)  # type: ignore[no-any-return, no-untyped-call]
    return loops.forward(call, x, tensors, None)


def masks(ones: Tensor, layers: int, p: float) -> Tensor:
    """What dropout multiplies the outputs of the levels below the top with, drawn as PyTorch draws it.

    Args:
        ones: of the shape of a level's outputs, time first.
        layers: levels.
        p: the share that is dropped.
    """
    return torch.stack([functional.dropout(ones, p) for _ in range(layers - 1)])


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Call, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        saved = loops.room(call, x)
        outputs = loops.forward(call, x, tensors, saved)
        ctx.call = call
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, *tensors, saved)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        wanted = ctx.needs_input_grad[1:]
        if transforms.are_active():  # many gradients at once
            return (None, *transforms.back(ctx.call, ctx.saved_tensors, grads, wanted))
        if transforms.are_batched(grads):
            return (None, *transforms.batched_back(ctx.call, ctx.saved_tensors, grads, wanted))
        x, *tensors, saved = ctx.saved_tensors
        found = loops.backward(ctx.call, x, tuple(tensors), saved, grads, wanted)
        if torch.is_grad_enabled():  # create_graph=True
            found = _Once.apply(len(found), *found, x, *tensors)  # type: ignore[no-untyped-call]
        return (None, *found)


class _Once(torch.autograd.Function):
    """Gradients, and what they are the gradients of: whoever differentiates them again is told that it cannot be done."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor | None) -> Any:
        return tuple(None if t is None else t.view_as(t) for t in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise loops.only_once()
