"""What multiplies a level's inputs: the dropout between levels that a training step drew.

Where the level below hands up a projection p = P s of its states and dropout m acts on it, the level above
reads W (m ⊙ P s). Its weights here are those of the states, W P, so what acts on the states is

    s ← P⁺ (m ⊙ P s)           and back   ds = Pᵀ (m ⊙ P⁺ᵀ ds′)

which gives both exactly where P has full row rank, P P⁺ = 1: W P P⁺ (m ⊙ P s) = W (m ⊙ P s).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array


@dataclass(frozen=True, eq=False)
class ProjectedMask:
    """Dropout of what a projection makes of the states below.

    Attributes:
        mask: (T, B, P) what multiplied the projected states.
        projection: (P, H) W_hr of the level below; of two directions one for each, on the diagonal.
        inverse: (H, P) its pseudoinverse.
    """

    mask: Array
    projection: Array
    inverse: Array

    @classmethod
    def of(cls, mask: Array, projection: Array) -> "ProjectedMask":
        """The mask of a projection.

        Args:
            mask: (T, B, P).
            projection: (P, H), of full row rank.
        """
        return cls(mask, projection, np.linalg.pinv(projection))

    def __getitem__(self, part: Any) -> "ProjectedMask":
        """Some steps or some sequences."""
        return ProjectedMask(self.mask[part], self.projection, self.inverse)


Mask = Array | ProjectedMask


def masked(x: Array, mask: Mask | None) -> Array:
    """A level's inputs (..., H) behind the mask.

    A product that overflows is refused by whom it comes to, with the number of its step; so in ``masked_back``.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(mask, ProjectedMask):
            return np.asarray((x @ mask.projection.T * mask.mask) @ mask.inverse.T)
        return x if mask is None else np.asarray(x * mask)


def masked_back(dx: Array, mask: Mask | None) -> Array:
    """Errors (..., H) in front of the mask, from those at a level's inputs behind it."""
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(mask, ProjectedMask):
            return np.asarray((dx @ mask.inverse * mask.mask) @ mask.projection)
        return dx if mask is None else np.asarray(dx * mask)
