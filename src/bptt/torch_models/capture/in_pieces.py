"""A recurrent function over a few sequences at a time, and once more on the way back.

What autograd keeps of a pass over a long sequence is some fifteen times its states. Sequences know nothing of one
another, so nothing but inputs and outputs is kept here: the backward pass runs each piece again before it goes through
it. The numbers are those of the function itself, but for the order in which the pieces' gradients are added up.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Run = Callable[[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]], tuple[Tensor, ...]]


def in_pieces(
    run: Run, size: int, axis: int, x: Tensor, states: tuple[Tensor, ...], weights: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Run it.

    Args:
        run: takes inputs, initial states and weights, and gives the outputs and the final states.
        size: sequences at a time.
        axis: of the inputs and outputs, along which the sequences lie; of the states it is 1.
        x: (T, B, I) or (B, T, I).
        states: (layers, B, ·) each.
        weights: that act.
    """
    outputs: tuple[Tensor, ...] = _InPieces.apply(  # type: ignore[no-untyped-call]
        run, size, axis, len(states), x, *states, *weights
    )
    return outputs


class _InPieces(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, run: Run, size: int, axis: int, parts: int, x: Tensor, *given: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.run, ctx.size, ctx.axis, ctx.parts = run, size, axis, parts
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, *given)
        states, weights = given[:parts], given[parts:]
        outputs: tuple[Tensor, ...] = ()
        for first, count in _ranges(x.shape[axis], size):
            own = run(
                x.narrow(axis, first, count),
                tuple(state.narrow(1, first, count).contiguous() for state in states),
                weights,
            )
            axes = _axes(axis, len(own))
            if not outputs:
                outputs = tuple(
                    _for_all(o, a, x.shape[axis]) for o, a in zip(own, axes, strict=True)
                )
            for whole, part, along in zip(outputs, own, axes, strict=True):
                whole.narrow(along, first, count).copy_(part)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, *given = ctx.saved_tensors
        axis, wanted = ctx.axis, ctx.needs_input_grad[4:]
        along = [axis, *[1] * ctx.parts]  # what is cut into pieces: inputs and states
        totals: list[Tensor | None] = [
            torch.zeros_like(tensor) if needed else None
            for tensor, needed in zip((x, *given), wanted, strict=True)
        ]
        for first, count in _ranges(x.shape[axis], ctx.size):
            own = [
                tensor.detach().narrow(a, first, count).contiguous()
                for tensor, a in zip((x, *given), along, strict=False)
            ]
            own += [tensor.detach() for tensor in given[ctx.parts :]]
            own = [t.requires_grad_(needed) for t, needed in zip(own, wanted, strict=True)]
            with torch.enable_grad():
                outputs = ctx.run(
                    own[0], tuple(own[1 : 1 + ctx.parts]), tuple(own[1 + ctx.parts :])
                )
            sent = [
                (output, grad.narrow(a, first, count))
                for output, grad, a in zip(outputs, grads, _axes(axis, len(grads)), strict=True)
                if grad is not None
            ]
            asked = [t for t in own if t.requires_grad]
            found = iter(
                torch.autograd.grad(
                    [output for output, _ in sent],
                    asked,
                    [grad for _, grad in sent],
                    allow_unused=True,
                )
            )
            for number, total in enumerate(totals):
                part = next(found) if total is not None else None
                if total is None or part is None:
                    continue
                if number < len(along):
                    total.narrow(along[number], first, count).copy_(part)
                else:
                    total += part
        return None, None, None, None, *totals


def _ranges(count: int, size: int) -> list[tuple[int, int]]:
    """First and number of the sequences of each piece."""
    return [(first, min(size, count - first)) for first in range(0, count, size)]


def _axes(axis: int, count: int) -> list[int]:
    """Along which the sequences lie in the outputs and in the final states."""
    return [axis, *[1] * (count - 1)]


def _for_all(part: Tensor, axis: int, count: int) -> Tensor:
    shape = list(part.shape)
    shape[axis] = count
    return part.new_empty(shape)
