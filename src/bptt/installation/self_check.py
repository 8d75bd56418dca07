"""The loops that are in use against the textbook loops and a complex step, on networks that take a second together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import ACTIVATIONS
from bptt.errors import BpttError
from bptt.network import Network
from bptt.verification import TOLERANCE, verify

T, B, INPUTS, OUTPUTS = 8, 4, 5, 4
KINDS = (
    *(("rnn", name, 18) for name in ACTIVATIONS),
    ("lstm", "tanh", 18),
    ("gru", "tanh", 18),
    ("rnn", "tanh", 96),
)  # as much as is shared out over threads


@dataclass(frozen=True)
class Check:
    """One network whose gradient was computed by the loops in use and by others.

    Attributes:
        name: the cell, with its activation where it has a choice.
        dtype: "float64" or "float32".
        worst: the largest disagreement, over the largest entry of the gradient; infinite where the parts of a gradient do
            not add up.
        tolerance: what counts as agreement.
        right: whether every number is within its tolerance.
    """

    name: str
    dtype: str
    worst: float
    tolerance: float
    right: bool


def self_check() -> Iterator[Check]:
    """Every cell and activation whose loops are compiled, in both types."""
    rng = np.random.default_rng(0)
    x, targets = rng.standard_normal((T, B, INPUTS)), rng.integers(OUTPUTS, size=(T, B))
    for cell, activation, hidden in KINDS:
        name = f"{cell.upper()}, {activation}" if cell == "rnn" else cell.upper()
        for dtype in ("float64", "float32"):
            network = Network.init(
                INPUTS, hidden, OUTPUTS, cell=cell, activation=activation, dtype=dtype, rng=0
            )
            found = _compared(network, x.astype(dtype), targets)
            yield Check(f"{name}, {hidden} units", dtype, *found)


def _compared(network: Network, x: Array, targets: Array) -> tuple[float, float, bool]:
    """The worst disagreement, its tolerance, and whether all is right."""
    try:
        done = verify(network, x, targets, entries=3)
    except BpttError:  # the gradient by lag refuses parts that do not add up
        return np.inf, TOLERANCE[x.dtype], False
    of_rows = (n for r in done.rows for n in (r.forward, r.reference, r.numerical) if n is not None)
    return max(done.by_lag, done.residual, *of_rows), done.tolerance, done.agrees
