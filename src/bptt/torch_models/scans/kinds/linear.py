r"""A linear recurrence in factored form, and the one step back in lag that all kinds share.

    S_t = step(S_{t-1}; factors_t)          linear in S

The gradient by a and b would be tables as large as all states together. So the parts of the gradient are asked for by
the factors that a and b are made of, which are small.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

Factors = dict[str, Tensor]
Ready = dict[str, Any]  # what a recurrence prepares once, by name
SHARED = ("factors", "A")  # of what is prepared, what is not one value per step


class LinearRecurrence:
    """A recurrence that is linear in its state; B sequences, T steps, a state of any shape S.

    A kind says what a step is; it may say by hand how an error goes back, where that is faster than asking autograd.

    Attributes:
        timed: (B, T, ·) factors with one value per step, by name, with the graph that made them.
        fixed: factors that all steps share, of any shape.
        diagonal: whether each number of the state is multiplied by what ``carry`` says, and by nothing else.
        before: (B, *S) the state before the first step; zero if None.
    """

    diagonal = True

    def __init__(
        self, timed: Factors, fixed: Factors | None = None, before: Tensor | None = None
    ) -> None:
        self.timed, self.fixed, self.before = timed, fixed or {}, before

    @property
    def factors(self) -> Factors:
        """All of them."""
        return self.timed | self.fixed

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the state of one sequence."""
        raise NotImplementedError

    @property
    def steps(self) -> int:
        """T."""
        return int(next(iter(self.timed.values())).shape[1])

    def step(self, before: Tensor, factors: Factors) -> Tensor:
        """The states after.

        Args:
            before: (B, n, *S) states before each of n steps.
            factors: of these steps, (B, n, ·) those with one value per step.
        """
        raise NotImplementedError

    def carry(self, factors: Factors) -> Tensor:
        """(B, n, ·) what a step multiplies each unit of the state with."""
        raise NotImplementedError

    def facts(self, factors: Factors) -> dict[str, float]:
        """What is known of this kind alone, by name."""
        return {}

    def states(self) -> Tensor:
        """(B, T, *S) the state after every step, without a graph."""
        factors = {name: value.detach() for name, value in self.factors.items()}
        with torch.no_grad():
            state, all_states = self._first(factors), []
            for t in range(self.steps):
                at = self.at(factors, slice(t, t + 1))
                state = self.step(state, at)
                all_states.append(state)
            return torch.cat(all_states, dim=1)

    def at(self, factors: Mapping[str, Tensor], steps: slice) -> Factors:
        """The factors of some steps."""
        return {n: v[:, steps] if n in self.timed else v for n, v in factors.items()}

    def prepared(self, states: Tensor) -> Ready:
        """What ``back`` needs at every lag, worked out once.

        Args:
            states: (B, T, *S) after every step.
        """
        factors = {name: value.detach() for name, value in self.factors.items()}
        return {"factors": factors, "before": self.taken_up(states)}

    def taken_up(self, states: Tensor) -> Tensor:
        """(B, T, *S) the state that each step takes up.

        Args:
            states: (B, T, *S) after every step.
        """
        factors = {name: value.detach() for name, value in self.factors.items()}
        first = self._first(factors).to(states.dtype)
        return torch.cat([first, states[:, :-1]], dim=1)

    def ready_at(self, ready: Ready, steps: slice) -> Ready:
        """The same for some steps alone."""
        of_steps = {name: value[:, steps] for name, value in ready.items() if name not in SHARED}
        shared = {name: ready[name] for name in SHARED if name in ready}
        return of_steps | shared | {"factors": self.at(ready["factors"], steps)}

    def back(self, errors: Tensor, weight: Tensor, ready: Ready) -> Factors:
        """One step back of errors that stand at the states after the first n steps: they are changed in place.

        Args:
            errors: (B, n, *S) in; out, the errors at the states before these steps.
            weight: (B, n) what each row of them counts in the gradient by the factors.
            ready: what ``prepared`` returned.

        Returns:
            the gradient by each factor, (B, n, ·) of those with one value per step.
        """
        n = errors.shape[1]
        leaves = {
            name: value.requires_grad_()
            for name, value in self._copies(ready["factors"], n).items()
        }
        before = ready["before"][:, :n].detach().requires_grad_()
        with torch.enable_grad():
            after = self.step(before, leaves)
        rows = weight.reshape(weight.shape + (1,) * len(self.shape))
        grads = torch.autograd.grad(after, [before], errors, retain_graph=True)
        by_factor = torch.autograd.grad(
            after, list(leaves.values()), errors * rows, allow_unused=True
        )
        errors.copy_(grads[0])
        named = zip(leaves, by_factor, strict=True)
        return {name: grad for name, grad in named if grad is not None}

    def _copies(self, factors: Factors, n: int) -> Factors:
        return {name: v.detach().clone() for name, v in self.at(factors, slice(n)).items()}

    def _first(self, factors: Factors) -> Tensor:
        """(B, 1, *S) the state before the first step."""
        if self.before is not None:
            return self.before.detach()[:, None]
        made = next(iter(self.timed.values()))
        dtype = made.dtype
        for value in factors.values():
            dtype = torch.promote_types(dtype, value.dtype)
        return torch.zeros(made.shape[0], 1, *self.shape, dtype=dtype, device=made.device)


def summed_to(value: Tensor, like: Tensor) -> Tensor:
    """A gradient added up over the axes along which ``like`` was broadcast, real where that is."""
    for axis, (mine, theirs) in enumerate(zip(value.shape, like.shape, strict=True)):
        if theirs == 1 and mine != 1:
            value = value.sum(axis, keepdim=True)
    return value if like.is_complex() else value.real if value.is_complex() else value
