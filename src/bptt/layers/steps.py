"""A layer over some steps of a sequence: the loop, the held states behind an end, the check for overflow."""

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.cells import States, Weights
from bptt.errors import NonFiniteError
from bptt.layers.sequences import inside


def run_steps(
    weights: Weights,
    x: Array,
    state0: States,
    lengths: Array | None = None,
    resets: Array | None = None,
    first: int = 0,
    last: int | None = None,
) -> tuple[Array, States]:
    """Steps first .. last-1 from the state before them.

    Args:
        weights: of the layer.
        x: (T, B, I) inputs of the whole sequence.
        state0: (h,) or (h, c), each (B, H), before step ``first``.
        lengths: (B,) steps of each sequence, or None.
        resets: (T, B) True where a step starts from zero, or None.
        first: the first step.
        last: the step behind the last one; None is T.

    Returns:
        what the way back needs, (steps, B, ·), and the states, each (steps + 1, B, H).

    Raises:
        NonFiniteError: if the states, or an RNN's pre-activations, grow beyond the type.
    """
    T = len(x)
    last = T if last is None else last
    keep = None if resets is None else ~resets[first:last]
    with np.errstate(over="ignore", invalid="ignore"):  # refused below, with the step's number
        saved, states = kernels.forward(weights, x[first:last], state0, keep)
    if lengths is not None:
        steps_left = np.clip(lengths - first, 0, last - first)
        _hold(states, steps_left)
        saved[~inside(steps_left, last - first)] = 0
    for state in states:
        if not np.isfinite(state).all():
            t = first + int(np.argmin(np.isfinite(state).all((1, 2)))) - 1
            raise NonFiniteError(
                "h", f"states within {x.dtype}", f"an overflow at step {t} of {T}",
                "Scale W_R down or shorten the sequence: the forward pass itself explodes.",
            )  # fmt: skip
    # A sum that overflowed on its way may have the wrong sign, and tanh makes a state of it all the same.
    if weights.cell.choose_phi and not np.isfinite(saved).all():
        t = first + int(np.argmin(np.isfinite(saved).all((1, 2))))
        raise NonFiniteError(
            "z", f"pre-activations within {x.dtype}", f"an overflow at step {t} of {T}",
            "Scale the inputs or the weights down.",
        )  # fmt: skip
    return saved, states


def _hold(states: States, lengths: Array) -> None:
    """Behind a sequence's end its last state stands, so that ``h[-1]`` is everyone's final state."""
    T = len(states[0]) - 1
    place = np.minimum(np.arange(T + 1)[:, None], lengths)[..., None]
    for state in states:
        state[...] = np.take_along_axis(state, place, 0)
