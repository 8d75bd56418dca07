r"""The errors at what the weights multiply, step by step: what a weight gradient is the sum of.

    dW_R = Σ_t dz_R,tᵀ h_{t-1}      dW_F = Σ_t dz_F,tᵀ x_t      db = Σ_t dz_F,t

The same numbers as in ``backward``, kept apart by step and sequence.
"""

from dataclasses import dataclass

from bptt import kernels
from bptt.arrays import Array
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
        h: (T, B, H) the states that W_R multiplies.
        x: (T, B, I) the inputs that W_F multiplies.
    """

    dz_R: Array
    dz_F: Array
    h: Array
    x: Array


def errors_at_weights(trace: StackTrace, errors: list[Array]) -> list[AtWeights]:
    """Per layer, bottom first, from errors ∂⁺E/∂state of every layer, each in its own order."""
    bottom = len(directions(trace.levels[0]))

    def step(number: int, t: Trace, d: Array) -> tuple[AtWeights, Array | None]:
        saved, states = t.part()
        dz_R, dz_F, _ = kernels.backward(t.weights, d, saved, states, t.keep)
        own = AtWeights(dz_R, dz_F, kernels.before(states[0], t.keep), t.x)
        return own, kernels.affine(dz_F, t.weights.W_F) if number >= bottom else None

    return descend(trace, errors, ARRAYS, step)[0]
