"""Errors carried back call by call, held until all of a lag are there: then they go through the step as rows of one batch.

A call sends the errors of every loss step to a lag of its own, so that the parameters' part of the way back would be made,
and added up, once for each of them. What meets at one lag is as many rows of a single vector-Jacobian product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from bptt.arrays import Array
from bptt.torch_models.stepped.calls import Output, StepCall
from bptt.torch_models.stepped.gathered import Gathered, at_scale
from bptt.torch_models.stepped.recording import back
from bptt.torch_models.stepped.rows import Rows


@dataclass(frozen=True, eq=False)
class _Held:
    """Of one loss step, at the outputs of one call.

    Attributes:
        call: it.
        errors: by the number of the output's place among those of a call, without an axis of loss steps.
        e: the exponent of all of them.
    """

    call: StepCall
    errors: dict[int, Tensor]
    e: int


class HeldErrors:
    """Of a block of loss steps.

    Args:
        rows: of the calls.
        gathered: where the parameters' gradients are added up.
        size: rows at a time.
    """

    def __init__(self, rows: Rows, gathered: Gathered, size: int) -> None:
        self.rows, self.gathered, self.size = rows, gathered, size
        self.params = rows.recording.params
        self.like = [output.leaf for output in rows.recording.calls[0].outputs]
        self.group, self.local = rows.where
        self._by_lag: dict[int, list[_Held]] = {}

    def keep(
        self, call: StepCall, outputs: Sequence[Output], errors: Sequence[Tensor], t: Array, e: Array
    ) -> None:  # fmt: skip
        """The errors at some outputs of a call.

        Args:
            call: it.
            outputs: of it.
            errors: (R, ...) at each.
            t: (R,) the loss steps.
            e: (R,) exponents.
        """
        places = [call.outputs.index(output) for output in outputs]
        for row, (step, exponent) in enumerate(zip(t.tolist(), e.tolist(), strict=True)):
            own = {n: error[row] for n, error in zip(places, errors, strict=True)}
            self._by_lag.setdefault(step - call.level, []).append(_Held(call, own, exponent))

    def add_up(self) -> None:
        """What is held is done with: the parameters get what they get of it, lag after lag."""
        for k in sorted(self._by_lag):
            held = self._by_lag.pop(k)
            e = max(each.e for each in held)
            at = np.concatenate([self.rows.span(each.call.index) for each in held])
            parts = [self._part(n, held, e) for n in range(len(self.like))]
            grads = self._of_params(at, parts)
            if grads:
                lag = {name: grad[None] for name, grad in grads.items()}
                self.gathered.add(np.array([k]), np.array([e]), lag)

    def _part(self, n: int, held: Sequence[_Held], e: int) -> Tensor:
        """The errors at one output, over 2^e."""
        parts = []
        for each in held:
            error = each.errors.get(n)
            if error is None:
                count = self.rows.counts[each.call.index]
                error = self.like[n].new_zeros(count, *self.like[n].shape[1:])
            else:
                error = at_scale(error[None], np.array([each.e - e]))[0]
            parts.append(error)
        return torch.cat(parts)

    def _of_params(self, at: Array, parts: Sequence[Tensor]) -> dict[str, Tensor]:
        grads: dict[str, Tensor] = {}
        for number, group in enumerate(self.rows.groups):
            own = np.flatnonzero(self.group[at] == number)
            for first in range(0, len(own), self.size):
                some = own[first : first + self.size]
                local = torch.from_numpy(self.local[at[some]]).to(parts[0].device)
                outputs, _ = self.rows.run(group, local)
                chosen = torch.from_numpy(some).to(parts[0].device)
                sent = [
                    (get_gradient_edge(out), part[chosen])
                    for out, part in zip(outputs, parts, strict=True) if out.requires_grad
                ]  # fmt: skip
                edges, errors = [edge for edge, _ in sent], [error for _, error in sent]
                found = back(edges, errors, [*self.params.values()], False)
                for name, grad in zip(self.params, found, strict=True):
                    if grad is not None:
                        grads[name] = grads[name] + grad if name in grads else grad
        return grads
