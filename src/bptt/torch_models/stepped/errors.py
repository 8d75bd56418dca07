"""Errors of several loss steps at one output, each with a scale of its own, so that 1e-2000 is a result (Q13)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.torch_models.stepped.gathered import LOW, at_scale, real

REACH = {torch.float64: 200, torch.float32: 40}  # log2, within which a row's largest entry is kept


@dataclass(eq=False)
class Errors:
    """At one output.

    Attributes:
        rows: (R, ...) a row per loss step.
        e: (R,) exponents: a row stands for rows 2^e.
    """

    rows: Tensor
    e: Array

    @classmethod
    def none(cls, count: int, like: Tensor) -> "Errors":
        """No error yet."""
        return cls(like.new_zeros(count, *like.shape), np.full(count, LOW))

    def add(self, some: slice, rows: Tensor, e: Array) -> None:
        """More errors of some of the loss steps.

        Args:
            some: of the rows.
            rows: (r, ...) of them.
            e: (r,) exponents.
        """
        own = self.e[some]
        if (own == LOW).all():
            self.rows[some], self.e[some] = rows, e
            return
        new = np.maximum(own, e)
        if (new != own).any():
            self.rows[some] = at_scale(self.rows[some], own - new)
        self.rows[some] += at_scale(rows, e - new)
        self.e[some] = new


def together(parts: Sequence[Errors], some: slice) -> tuple[list[Tensor], Array, Array]:
    """Some rows of the errors at the outputs of one call, at one scale per loss step.

    Args:
        parts: one per output.
        some: of the rows.

    Returns:
        the rows; (r,) their exponents; (r,) which of them are not zero.

    Raises:
        NonFiniteError: if one is NaN or infinite.
    """
    rows, exponents = [part.rows[some] for part in parts], [part.e[some] for part in parts]
    largest = [row.abs().reshape(len(row), -1).amax(1).double().cpu().numpy() for row in rows]
    if not np.isfinite(largest).all():
        raise NonFiniteError(
            "recurrent", "a step with a finite gradient", "one that is NaN or infinite",
            "Look in the step for a function without a finite derivative, such as a root or a norm at 0.",
        )  # fmt: skip
    there = np.array(largest) > 0
    own = np.where(there, exponents, LOW)
    common = own.max(0)
    alive = common > LOW
    top = (np.frexp(largest)[1] + own).max(0)
    far = np.abs(top - common) > REACH.get(real(rows[0]), 10)
    common = np.where(alive, np.where(far, top, common), 0)
    shifts = np.where(there, own - common, 0)
    rows = [at_scale(row, shift) for row, shift in zip(rows, shifts, strict=True)]
    return rows, common, alive
