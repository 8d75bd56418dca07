"""A layer over some steps of a sequence: the loop, the held states behind an end, the check for overflow."""

from typing import TYPE_CHECKING

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.layers.sequences import inside

if TYPE_CHECKING:
    from bptt.layers.layer import Layer


def run_steps(
    layer: "Layer",
    x: Array,
    state0: tuple[Array, ...],
    lengths: Array | None = None,
    resets: Array | None = None,
    first: int = 0,
    last: int | None = None,
) -> tuple[Array, tuple[Array, ...]]:
    """Steps first .. last-1 from the state before them.

    Returns:
        what the way back needs, (steps, B, ·), and the states, each (steps + 1, B, H).

    Raises:
        NonFiniteError: if the states grow beyond the type.
    """
    T = len(x)
    last = T if last is None else last
    keep = None if resets is None else ~resets[first:last]
    with np.errstate(over="ignore", invalid="ignore"):  # refused below, with the step's number
        saved, states = kernels.forward(
            layer.cell, x[first:last], layer.W_F, layer.b, state0, layer.W_R, layer.extra, keep
        )
    if lengths is not None:
        here = np.clip(lengths - first, 0, last - first)
        _hold(states, here)
        saved[~inside(here, last - first)] = 0
    for state in states:
        if not np.isfinite(state).all():
            t = first + int(np.argmin(np.isfinite(state).all((1, 2)))) - 1
            raise NonFiniteError(
                "h", f"states within {layer.dtype}", f"an overflow at step {t} of {T}",
                "Scale W_R down or shorten the sequence: the forward pass itself explodes.",
            )  # fmt: skip
    return saved, states


def _hold(states: tuple[Array, ...], lengths: Array) -> None:
    """Behind a sequence's end its last state stands, so that ``h[-1]`` is everyone's final state."""
    T = len(states[0]) - 1
    place = np.minimum(np.arange(T + 1)[:, None], lengths)[..., None]
    for state in states:
        state[...] = np.take_along_axis(state, place, 0)
