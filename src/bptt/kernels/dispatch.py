"""Forward and backward over a sequence, and one step back in lag. Which loop runs is decided here alone.

The compiled loops where they were built and know the activation, the NumPy loops for everything else: same
signatures, same results.
"""

from typing import Any

from bptt.arrays import Array
from bptt.cells import Cell, Derivatives, States, Weights
from bptt.cells.activations import Activation
from bptt.kernels import compiled_loops, instruction_sets, numpy_loops, threads
from bptt.kernels.numpy_lags import LagStep

_products: Any = numpy_loops if instruction_sets.compiled is None else compiled_loops
affine, outer, bill = _products.affine, _products.outer, _products.bill
outer_in_double = _products.outer_in_double
product, squares_of_sums = _products.product, _products.squares_of_sums
add_up = _products.add_up


def path() -> str:
    """Which loops are in use, for people: the compiled ones with instruction set and threads."""
    if instruction_sets.compiled is None:
        left = "" if instruction_sets.available() else "; the compiled ones are not installed"
        return f"NumPy loops{left}"
    count = threads.get_num_threads()
    return f"compiled loops, {instruction_sets.name}, {count} thread{'s' * (count > 1)}"


def _loops(weights: Weights) -> Any:
    return compiled_loops if compiled_loops.takes(weights.cell, weights.phi) else numpy_loops


def forward(weights: Weights, x: Array, state0: States, keep: Array | None) -> tuple[Array, States]:
    """States over a sequence; see ``numpy_loops.forward``."""
    return _loops(weights).forward(weights, x, state0, keep)  # type: ignore[no-any-return]


def backward(
    weights: Weights,
    d: Array,
    saved: Array,
    states: States,
    keep: Array | None,
    carried: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Errors over a sequence; see ``numpy_loops.backward``."""
    return _loops(weights).backward(weights, d, saved, states, keep, carried)  # type: ignore[no-any-return]


def linearised(weights: Weights, saved: Array, states: States, keep: Array | None) -> Derivatives:
    """The derivatives of every step; see ``numpy_loops.linearised``."""
    return _loops(weights).linearised(weights, saved, states, keep)  # type: ignore[no-any-return]


def lag_step(cell: Cell, phi: Activation, W_R: Array) -> LagStep:
    """One step back in lag; see ``numpy_lags.LagStep``."""
    if compiled_loops.takes(cell, phi):
        return compiled_loops.LagStep(cell, W_R)  # type: ignore[return-value]
    return LagStep(cell, W_R)
