r"""The errors at what the weights multiply, step by step: what a weight gradient is the sum of.

    dW_R = Σ_t dz_R,tᵀ h_{t-1}      dW_F = Σ_t dz_F,tᵀ x_t      db = Σ_t dz_F,t

The same numbers as in ``backward``, kept apart by step and sequence.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.cells import Cell
from bptt.layers.descent import ARRAYS, descend
from bptt.layers.levels import directions
from bptt.layers.stacked import StackTrace
from bptt.layers.trace import Trace


@dataclass(frozen=True, eq=False)
class AtWeights:
    """One layer over one batch.

    Attributes:
        dz_R: (T, B, G·H) errors at what W_R multiplies.
        dz_F: (T, B, G·H) errors at what W_F multiplies; they differ where a gate stands between (GRU).
        h: (T, B, H) the states before the steps.
        x: (T, B, I) the inputs that W_F multiplies.
        saved: (T, B, ·) what the steps saved.
        cell: of the layer.
    """

    dz_R: Array
    dz_F: Array
    h: Array
    x: Array
    saved: Array
    cell: Cell

    def columns(self, chosen: Array) -> Self:
        """Some sequences alone, in line."""

        def taken(array: Array) -> Array:
            return np.ascontiguousarray(array[:, chosen])

        return replace(
            self, dz_R=taken(self.dz_R), dz_F=taken(self.dz_F), h=taken(self.h), x=taken(self.x),
            saved=taken(self.saved) if self.cell.scaled_by else self.saved,  # nobody else reads it
        )  # fmt: skip

    def gradient(self, steps: slice, counted: Array | None) -> Array:
        """(P,) the gradient by W_R, W_F and b, side by side, in float64.

        Args:
            steps: the steps that count.
            counted: (·, B) True where one of these steps counts; None where all do.
        """
        dz_R = _counted(self.dz_R[steps], counted)
        dz_F = dz_R if self.dz_F is self.dz_R else _counted(self.dz_F[steps], counted)
        parts = (
            kernels.outer(*self.cell.recurrent_rows(dz_R, self.h[steps], self.saved[steps])).ravel(),
            kernels.outer(dz_F, self.x[steps]).ravel(),
            dz_F.sum((0, 1)),
        )  # fmt: skip
        return np.concatenate(parts).astype(np.float64)


def errors_at_weights(trace: StackTrace, errors: list[Array]) -> list[AtWeights]:
    """Per layer, bottom first, from errors ∂⁺E/∂state of every layer, each in its own order."""
    bottom = len(directions(trace.levels[0]))

    def step(number: int, t: Trace, d: Array) -> tuple[AtWeights, Array | None]:
        saved, states = t.part()
        dz_R, dz_F, _ = kernels.backward(t.weights, d, saved, states, t.keep)
        h = kernels.before(states[0], t.keep)
        own = AtWeights(dz_R, dz_F, h, t.x, saved, t.weights.cell)
        return own, kernels.affine(dz_F, t.weights.W_F) if number >= bottom else None

    return descend(trace, errors, ARRAYS, step)[0]


def _counted(dz: Array, counted: Array | None) -> Array:
    return dz if counted is None else dz * counted[..., None]
