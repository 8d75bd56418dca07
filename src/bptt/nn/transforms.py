"""A call under ``torch.func``: gradients by ``grad``, and per sample by ``vmap(grad(...))``.

What is mapped over is run sample by sample. PyTorch's own layers cannot be mapped at all.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import TransformType

from bptt.nn import loops
from bptt.nn.call import Call


def are_active() -> bool:
    """Whether a call is made within ``torch.func.grad``, ``vmap`` and so on."""
    return torch._C._are_functorch_transforms_active()


def can_be_followed() -> bool:
    """Whether the transforms in force are those that are known here: reverse mode and mapping."""
    known = (TransformType.Grad, TransformType.Vmap)
    return all(level.key() in known for level in torch._C._functorch.get_interpreter_stack() or ())


def run(call: Call, x: Tensor, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The outputs and the final states.

    Args:
        call: its sizes.
        x: what is read.
        tensors: all that follows it.
    """
    return _There.apply(call, x, *tensors)[:-1]  # type: ignore[no-any-return, no-untyped-call]


def back(
    call: Call,
    saved: tuple[Tensor, ...],
    grads: tuple[Tensor | None, ...],
    wanted: tuple[bool, ...],
) -> loops.Found:
    """The gradient by x and all that follows it; None where it is not wanted.

    Args:
        call: its sizes.
        saved: x, all that follows it, and what the pass forward left.
        grads: by what came out; None for zero.
        wanted: by which tensors a gradient is wanted.
    """
    given, arrived = tuple(g is not None for g in grads), [g for g in grads if g is not None]
    found = iter(_Back.apply(call, wanted, given, *saved, *arrived))  # type: ignore[no-untyped-call]
    return tuple(next(found) if needed else None for needed in wanted)


def are_batched(grads: tuple[Tensor | None, ...]) -> bool:
    """Whether they are many gradients in one, of ``torch.autograd.grad(..., is_grads_batched=True)``."""
    return any(g is not None and torch._C._functorch.is_legacy_batchedtensor(g) for g in grads)


def batched_back(
    call: Call,
    saved: tuple[Tensor, ...],
    grads: tuple[Tensor | None, ...],
    wanted: tuple[bool, ...],
) -> loops.Found:
    """``back`` of such gradients, one after the other.

    Args:
        call: its sizes.
        saved: x, all that follows it, and what the pass forward left.
        grads: by what came out; None for zero.
        wanted: by which tensors a gradient is wanted.
    """
    rows = [None if g is None else torch._remove_batch_dim(g, 1, 1, 0) for g in grads]
    (x, *tensors), left = saved[:-1], saved[-1]
    count = max(len(row) for row in rows if row is not None)
    each = [
        loops.backward(
            call, x, tuple(tensors), left,
            tuple(None if row is None else row.expand(count, *row.shape[1:])[i] for row in rows), wanted,
        )
        for i in range(count)
    ]  # fmt: skip
    stacked = [
        None if parts[0] is None else torch.stack(parts) for parts in zip(*each, strict=True)
    ]
    return tuple(None if s is None else torch._add_batch_dim(s, 0, 1) for s in stacked)


class _There(torch.autograd.Function):
    """The pass forward; what it saves is an output, for the transforms to wrap."""

    @staticmethod
    def forward(call: Call, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        saved = loops.room(call, x)
        return (*loops.forward(call, x, tensors, saved), saved)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.call, *tensors = inputs
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(output[-1])
        ctx.save_for_backward(*tensors, output[-1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        return (None, *back(ctx.call, ctx.saved_tensors, grads[:-1], ctx.needs_input_grad[1:]))

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return _one_by_one(info, in_dims, args, _There.apply)


class _Back(torch.autograd.Function):
    """The way back, of the gradients that are wanted."""

    @staticmethod
    def forward(call: Call, wanted: Any, given: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(wanted)
        x, *rest = tensors[:count]
        saved, arrived = tensors[count], iter(tensors[count + 1 :])
        grads = tuple(next(arrived) if present else None for present in given)
        found = loops.backward(call, x, tuple(rest), saved, grads, wanted)
        return tuple(grad for grad in found if grad is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise loops.only_once()

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        return _one_by_one(info, in_dims, args, _Back.apply)


def _one_by_one(info: Any, in_dims: Any, args: Any, run: Callable[..., Any]) -> Any:
    """Run it for each sample, and stack what comes out."""
    mapped = [
        isinstance(a, Tensor) and dim is not None for a, dim in zip(args, in_dims, strict=True)
    ]
    each = [
        run(
            *(a.select(dim, i) if m else a for a, dim, m in zip(args, in_dims, mapped, strict=True))
        )
        for i in range(info.batch_size)
    ]
    stacked = tuple(torch.stack(parts) for parts in zip(*each, strict=True))
    return stacked, (0,) * len(stacked)
