"""The states of one call of a module, with the ways from its output to them and from them to its parameters."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.torch_models.scans.calls import ScanCall, scan_of
from bptt.torch_models.scans.walk import carried


class CallStates:
    """The states of one call, through which errors are carried, and from which they go on to the parameters.

    Args:
        call: it.
    """

    def __init__(self, call: ScanCall) -> None:
        self.scan = scan_of(call)
        self.recurrence = self.scan.recurrence
        self.states = self.recurrence.states()
        self.params = {n: p for n, p in call.module.named_parameters() if p.requires_grad}
        self._leaf = self.states.detach().requires_grad_()
        with torch.enable_grad():
            self._output = self.scan.read(self._leaf)
            taken_up = self.recurrence.taken_up(self.states)
            self._after = self.recurrence.step(taken_up, self.recurrence.factors)

    def carried(self, error: Tensor) -> Tensor:
        """(B, T, *S) the whole error at each state that an error at the module's output causes.

        Args:
            error: (B, T, ·) there.
        """
        sent = error.to(self._output.dtype)
        (at_states,) = torch.autograd.grad(
            self._output, [self._leaf], sent, retain_graph=True, allow_unused=True
        )
        immediate = torch.zeros_like(self.states) if at_states is None else at_states
        ready = self.recurrence.prepared(self.states)
        return carried(self.recurrence, ready, immediate.contiguous())

    def mean_squares(self, carried: Tensor) -> Array:
        """(T,) of the norms of errors at the states of each step, over the sequences that have one."""
        square = carried.abs().double().flatten(2).square().sum(2)
        pairs = (square > 0).sum(0).clamp(min=1)
        return np.asarray((square.sum(0) / pairs).cpu().numpy())

    def by_parameters(
        self, carried: Tensor, error: Tensor, steps: Sequence[int], sequence: int | None = None
    ) -> dict[str, Tensor]:
        """The gradient by every parameter of the module, of what it does at some steps.

        Args:
            carried: (B, T, *S) the whole error at the states.
            error: (B, T, ·) at the module's output.
            steps: that count.
            sequence: that alone counts; None for all.
        """
        counted = torch.zeros(error.shape[:2], dtype=torch.bool, device=error.device)
        counted[slice(None) if sequence is None else sequence, list(steps)] = True

        def kept(value: Tensor, like: Tensor) -> Tensor:
            own = value * counted.reshape(*counted.shape, *[1] * (value.ndim - 2))
            return own.to(like.dtype)

        sent = [
            (self._after, kept(carried, self._after)),
            (self._output, kept(error, self._output)),
        ]
        sent = [(at, errors) for at, errors in sent if at.requires_grad]
        grads = torch.autograd.grad(
            [at for at, _ in sent], list(self.params.values()), [e for _, e in sent],
            retain_graph=True, allow_unused=True,
        )  # fmt: skip
        named = zip(self.params.items(), grads, strict=True)
        return {name: torch.zeros_like(p) if g is None else g for (name, p), g in named}


def only_at(like: Tensor, t: int, row: Tensor) -> Tensor:
    """(B, T, ·) zero but at one step.

    Args:
        like: of that shape.
        t: the step.
        row: (B, ·) what stands there.
    """
    whole = torch.zeros_like(like)
    whole[:, t] = row
    return whole
