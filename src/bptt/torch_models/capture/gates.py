"""Gates in the graph of a forward pass: open, a gradient passes; shut, it ends there.

A recurrent call gets its inputs and initial states through gates, and hands out its outputs and final states
through one. With some of them shut, one and the same graph tells what reaches a state by which way.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge


class Gate:
    """One gate, for one or more tensors.

    What comes out is a copy, so that a model may write into it.

    Args:
        tensors: what passes.
    """

    def __init__(self, tensors: tuple[Tensor, ...]) -> None:
        self._valve = (
            _Valve()
        )  # apart from the gate: a node that knew the gate would never be freed
        self.out: tuple[Tensor, ...] = _Pass.apply(self._valve, *tensors)  # type: ignore[no-untyped-call]
        self.node: Any = self.out[0].grad_fn
        self.count = len(self.out)

    def handed_over(self) -> tuple[Tensor, ...]:
        """What came out, for the model: from here on it is the model's alone to keep."""
        out, self.out = self.out, ()
        return out

    def set(self, is_shut: bool) -> None:
        """Shut it, or open it."""
        self._valve.is_shut = is_shut

    @property
    def edges(self) -> list[GradientEdge]:
        """The tensors that came out, as they were then: later writes into them do not count."""
        return [GradientEdge(self.node, number) for number in range(self.count)]

    @property
    def entries(self) -> list[GradientEdge | None]:
        """The tensors that came in; None for one that needs no gradient."""
        return [
            None if node is None else GradientEdge(node, number)
            for node, number in self.node.next_functions
        ]


class _Valve:
    is_shut = False


class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, valve: _Valve, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.valve = valve
        ctx.set_materialize_grads(False)
        return tuple(tensor.clone() for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if ctx.valve.is_shut:
            return (None,) * (1 + len(grads))
        return None, *grads
