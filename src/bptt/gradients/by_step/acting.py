"""Where the weights of a layer act: its errors step by step, every row with a scale of its own (Q13)."""

from dataclasses import dataclass

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.gradients.by_lag.one_pass import steps_back
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.scaled import Sizes
from bptt.layers.timeline import Timeline
from bptt.layers.trace import Trace


@dataclass(frozen=True, eq=False)
class Acting:
    """Errors, and what they meet at W_R.

    Attributes:
        dz: (T, B, G·H) errors at what W_R multiplies, each row over 2^e.
        e: (T, B) their exponents.
        h_prev: (T, B, H) what W_R multiplied.
        immediate: (T, B) ‖∂⁺E/∂h‖ of every step and sequence.
        total: (T, B) ‖dE/dh‖.
    """

    dz: Array
    e: Array
    h_prev: Array
    immediate: Sizes
    total: Sizes

    def placed(self, timeline: Timeline) -> "Acting":
        """The same in the order of time."""
        lay = timeline.lay
        sizes = (Sizes(lay(s.squares), lay(s.e), None) for s in (self.immediate, self.total))
        return Acting(lay(self.dz), lay(self.e), lay(self.h_prev), *sizes)


def acting(
    trace: Trace, entering: Rows | None, immediate: Rows | None, hand_down: bool
) -> tuple[Acting, Rows | None]:
    """One layer from the errors of its states, and the errors at its inputs.

    Args:
        trace: the layer's forward pass.
        entering: the errors that enter at its states, or None.
        immediate: those of them that are immediate, or None.
        hand_down: whether the errors at the inputs are wanted.
    """
    weights, H, dtype = trace.weights, trace.layer.hidden, trace.layer.dtype
    (T, B, inputs), last = trace.x.shape, 0 if entering is None else entering.last
    dz, e = kernels.empty((T, B, len(weights.W_R)), dtype), np.zeros((T, B), np.int64)
    dz[last:] = 0
    total, of_own = _nothing(T, B), _nothing(T, B)
    dx = np.empty((last, B, inputs), dtype) if hand_down and last else None
    e_dx = np.zeros((last, B), np.int64)
    for step in steps_back(trace, entering, hand_down):
        t, errors = step.t, step.moved.step.dz
        dz[t], e[t] = errors.D[0], errors.e[0]
        _keep(total, slice(t, t + 1), step.moved.rows, H)
        if dx is not None and step.at_inputs is not None:
            dx[t], e_dx[t] = step.at_inputs.D[0], step.at_inputs.e[0]
    if immediate is not None:
        _keep(of_own, immediate.steps, immediate, H)
    # W_R may multiply two vectors in a step: a second one stands beside the first, as another sequence
    rows, h_prev = weights.cell.recurrent_rows(dz, trace.before()[0], trace.saved, axis=1)
    e = np.tile(e, rows.shape[1] // B)
    at_inputs = None if dx is None else Rows.of(0, dx, e_dx, np.ones((last, B), bool))
    return Acting(rows, e, h_prev, of_own, total), at_inputs


def _nothing(T: int, B: int) -> Sizes:
    return Sizes(np.zeros((T, B)), np.zeros((T, B), np.int64), None)


def _keep(sizes: Sizes, steps: slice, rows: Rows, H: int) -> None:
    """Write down how large the part of h of some rows is."""
    own = rows.sizes if rows.D.shape[-1] == H else Sizes.of(rows.D[..., :H], rows.e)
    sizes.squares[steps], sizes.e[steps] = own.squares, own.e
