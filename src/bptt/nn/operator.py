"""A call as an operator that ``torch.compile`` and ``torch.export`` know: what comes out, without computing it, and the way back."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from bptt.errors import ShapeError
from bptt.nn import loops, taken
from bptt.nn.call import Call


@torch.library.custom_op("bptt::recurrent", mutates_args=())
def recurrent(
    x: Tensor,
    states: list[Tensor],
    weights: list[Tensor],
    masks: list[Tensor],
    mode: str,
    layers: int,
    two: bool,
    biases: bool,
    batch_first: bool,
) -> list[Tensor]:
    """What comes out of a call, and what its way back needs.

    Args:
        x: what is read.
        states: the initial ones.
        weights: of every level and direction.
        masks: one tensor of the dropout between the levels, or none.
        mode: as PyTorch has it.
        layers: levels.
        two: whether each level has a second direction.
        biases: whether there are biases.
        batch_first: whether x and the outputs are (B, T, ·).
    """
    call = call_of(x, states, weights, masks, mode, layers, two, biases, batch_first)
    if not taken.fits(call, weights[0].shape[-1], x, tuple(states), tuple(weights)):
        raise ShapeError(
            "weights", "those of a layer that reads x", f"x {tuple(x.shape)} and weights of other shapes or types",
            "Call the layer, bptt.nn.GRU for example.",
        )  # fmt: skip
    saved = loops.room(call, x)
    return [*loops.forward(call, x, (*states, *weights, *masks), saved), saved]


@recurrent.register_fake
def _(x: Tensor, *rest: Any) -> list[Tensor]:
    call = call_of(x, *rest)
    return [*loops.unwritten(call, x), x.new_empty(loops.numbers_saved(call, x))]


@torch.library.custom_op("bptt::recurrent_backward", mutates_args=())
def back(
    x: Tensor,
    states: list[Tensor],
    weights: list[Tensor],
    masks: list[Tensor],
    mode: str,
    layers: int,
    two: bool,
    biases: bool,
    batch_first: bool,
    saved: Tensor,
    grads: list[Tensor],
    given: list[bool],
    wanted: list[bool],
) -> list[Tensor]:
    """The gradients that are wanted.

    Args:
        x: what was read.
        states: as of ``recurrent``.
        weights: as of ``recurrent``.
        masks: as of ``recurrent``.
        mode: as of ``recurrent``.
        layers: as of ``recurrent``.
        two: as of ``recurrent``.
        biases: as of ``recurrent``.
        batch_first: as of ``recurrent``.
        saved: what the pass forward left.
        grads: by what came out, as far as there are any.
        given: which of them there are.
        wanted: by which tensors.
    """
    call = call_of(x, states, weights, masks, mode, layers, two, biases, batch_first)
    arrived = iter(grads)
    all_grads = tuple(next(arrived) if present else None for present in given)
    found = loops.backward(call, x, (*states, *weights, *masks), saved, all_grads, tuple(wanted))
    return [grad for grad in found if grad is not None]


@back.register_fake
def _(x: Tensor, states: Any, weights: Any, masks: Any, *rest: Any) -> list[Tensor]:
    tensors = (x, *states, *weights, *masks)
    return [torch.empty_like(t) for t, needed in zip(tensors, rest[-1], strict=True) if needed]


def call_of(
    x: Tensor,
    states: Any,
    weights: Any,
    masks: Any,
    mode: str,
    layers: int,
    two: bool,
    biases: bool,
    batch_first: bool,
) -> Call:
    """The call that the arguments of an operator say."""
    T, B = (1, 0) if batch_first else (0, 1)
    if x.dim() == 2:
        steps, sequences = x.shape[0], 1
    else:
        steps, sequences = x.shape[T], x.shape[B]
    return Call(
        mode, steps, sequences, x.shape[-1], weights[1].shape[1], layers, two, biases, len(states),
        tuple(states[0].shape), batch_first, None, bool(masks),
    )  # fmt: skip


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    x, states, weights, masks, *ctx.rest = inputs
    ctx.sizes = (len(states), len(weights), len(masks))
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, *states, *weights, *masks, output[-1])


def _way_back(ctx: Any, grads: list[Tensor | None]) -> Any:
    x, *tensors, saved = ctx.saved_tensors
    parts, rest = [], tensors
    for size in ctx.sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    needed = ctx.needs_input_grad
    wanted = [needed[0], *needed[1], *needed[2], *needed[3]]
    arrived = [grad for grad in grads[:-1] if grad is not None]
    given = [grad is not None for grad in grads[:-1]]
    found = iter(back(x, *parts, *ctx.rest, saved, arrived, given, wanted))
    by = [next(found) if want else None for want in wanted]
    ends = [1 + sum(ctx.sizes[:n]) for n in range(4)]
    by_lists = [by[first:last] for first, last in pairwise(ends)]
    return (by[0], *by_lists, *[None] * len(ctx.rest))


def _no_further(ctx: Any, grads: Any) -> Any:
    raise loops.only_once()


recurrent.register_autograd(_way_back, setup_context=_keep)
back.register_autograd(_no_further)
