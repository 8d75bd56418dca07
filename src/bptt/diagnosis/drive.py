"""What adds up to the pre-activations of a layer on data: inputs, states, biases, each with its size."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.diagnosis.activity import real_steps
from bptt.layers import Trace


@dataclass(frozen=True)
class Drive:
    """The parts of a gate's pre-activations, root mean squares over steps, sequences and units.

    Attributes:
        inputs: of W_F x.
        states: of W_R h.
        bias: of b.
        x: of the inputs themselves, before W_F.
    """

    inputs: float
    states: float
    bias: float
    x: float

    @property
    def largest(self) -> str:
        """The name of the largest part."""
        return max(("inputs", "states", "bias"), key=lambda name: float(getattr(self, name)))

    @property
    def size(self) -> float:
        """Of the largest part."""
        return float(getattr(self, self.largest))

    def __str__(self) -> str:
        """The three sizes in words."""
        return f"inputs add {self.inputs:.2g} to a pre-activation, states {self.states:.2g} and b {self.bias:.2g} (root mean squares)"


def drive_of(trace: Trace) -> dict[str, Drive]:
    """The drive of every gate, by its symbol, on the steps that the sequences really have."""
    layer, real = trace.layer, real_steps(trace)
    x, h, saved = _moments(trace.x[real]), trace.h[:-1][real], trace.saved[real]
    plain = _moments(h)
    scaled = {
        gate: _moments(layer.cell.multiplied(gate, h, saved)) for gate in layer.cell.scaled_by
    }
    return {
        gate: Drive(
            _size(layer.gate(gate, "W_F"), x),
            _size(layer.gate(gate, "W_R"), scaled.get(gate, plain)),
            float(np.sqrt(np.square(layer.gate(gate, "b"), dtype=np.float64).mean())),
            float(np.sqrt(np.trace(x) / len(x))),
        )
        for gate in layer.cell.gates
    }


def _moments(rows: Array) -> Array:
    """(I, I) the mean of x xᵀ."""
    rows = rows.astype(np.float64)
    return np.asarray(rows.T @ rows / max(1, len(rows)))


def _size(W: Array, moments: Array) -> float:
    """√ of the mean of (w x)² over units and data."""
    W = W.astype(np.float64)
    return float(np.sqrt(max(0.0, np.einsum("hi,hi->h", W @ moments, W).mean())))
