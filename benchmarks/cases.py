"""What is measured: shapes, and the same weights, inputs and errors for everyone."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


class Shape(NamedTuple):
    """T steps, B sequences, I inputs, H units."""

    T: int
    B: int
    I: int
    H: int


SHAPES = {
    "S1": Shape(100, 32, 64, 128),
    "S2": Shape(784, 64, 1, 128),
    "S3": Shape(35, 20, 200, 200),
    "S4": Shape(1000, 1, 8, 64),
    "S5": Shape(256, 64, 256, 512),
}
BY_LAG = {"S1": SHAPES["S1"], "T = 200": Shape(200, 8, 64, 64)}


@dataclass(frozen=True)
class Case:
    """A cell, a shape and a job: "gradient" (forward + backward) or "by_lag"."""

    cell: str
    shape: Shape
    job: str = "gradient"

    @property
    def flops(self):
        """Of the matrix products that the job cannot do without.

        gradient: W x forward, dz W and dzᵀ x backward for both weights, 2 T B G H (I + H) each.
        by_lag: two products per lag with the (T - k) B signals that are left.
        """
        T, B, I, H = self.shape
        G = GATES[self.cell]
        if self.job == "gradient":
            return 6 * T * B * G * H * (I + H)
        return 4 * B * G * H * H * sum(range(1, T + 1))

    def to_json(self):
        """For the process that runs it."""
        return asdict(self)


def inputs(case):
    """Weights as PyTorch initialises them, inputs and errors of size one; float32."""
    T, B, I, H = case.shape
    rng = np.random.default_rng(0)
    rows = GATES[case.cell] * H

    def weights(*shape):
        return rng.uniform(-1, 1, shape).astype("float32") / np.float32(H**0.5)

    return {
        "W_F": weights(rows, I),
        "W_R": weights(rows, H),
        "b": weights(rows),
        "b_Rn": weights(H),
        "x": rng.standard_normal((T, B, I), "float32"),
        "dh": rng.standard_normal((T, B, H), "float32"),
    }
