"""Forward and backward over a sequence, and one step back in lag. Which loop runs is decided here alone.

The compiled loops where they were built and know the activation, the NumPy loops for everything else: same
signatures, same results.
"""

from types import ModuleType
from typing import Any

from bptt.arrays import Array
from bptt.cells import rnn
from bptt.kernels import compiled_loops, instruction_sets, numpy_loops, threads
from bptt.kernels.numpy_loops import LagStep

_anything: Any = numpy_loops if instruction_sets.compiled is None else compiled_loops
affine, outer, remainder = _anything.affine, _anything.outer, _anything.remainder


def path() -> str:
    """Which loops are in use, for people: the compiled ones with instruction set and threads."""
    if instruction_sets.compiled is None:
        return "NumPy loops"
    count = threads.get_num_threads()
    return f"compiled loops, {instruction_sets.name}, {count} thread{'s' * (count > 1)}"


def _loops(cell: ModuleType, extra: Any) -> Any:
    return compiled_loops if compiled_loops.takes(cell, extra) else numpy_loops


def forward(
    cell: ModuleType,
    x: Array,
    W_F: Array,
    b: Array,
    state0: tuple[Array, ...],
    W_R: Array,
    extra: Any,
    keep: Array | None,
) -> tuple[Array, tuple[Array, ...]]:
    """States over a sequence; see ``numpy_loops.forward``."""
    found = _loops(cell, extra).forward(cell, x, W_F, b, state0, W_R, extra, keep)
    return found  # type: ignore[no-any-return]


def backward(
    cell: ModuleType,
    d: Array,
    saved: Array,
    states: tuple[Array, ...],
    W_R: Array,
    extra: Any,
    keep: Array | None,
    carried: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Errors over a sequence; see ``numpy_loops.backward``."""
    found = _loops(cell, extra).backward(cell, d, saved, states, W_R, extra, keep, carried)
    return found  # type: ignore[no-any-return]


def local(
    cell: ModuleType, saved: Array, states: tuple[Array, ...], extra: Any, keep: Array | None
) -> tuple[Array, ...]:
    """The derivatives of every step; see ``numpy_loops.local``."""
    found = _loops(cell, extra).local(cell, saved, states, extra, keep)
    return found  # type: ignore[no-any-return]


def lag_step(cell: ModuleType, extra: Any, W_R: Array, e: int) -> LagStep:
    """One step back in lag with weights W_R 2^e; see ``numpy_loops.LagStep``."""
    if compiled_loops.takes(cell, extra) and (e == 0 or cell is rnn):
        return compiled_loops.LagStep(cell, W_R)  # type: ignore[return-value]
    return numpy_loops.LagStep(cell, W_R, e)
