"""The compiled loops with the signatures of ``numpy_loops``: the arrays are made here.

``numpy_loops`` says what each computes.
"""

from types import ModuleType
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.cells import lstm, rnn
from bptt.cells.activations import ACTIVATIONS
from bptt.kernels.instruction_sets import compiled
from bptt.kernels.numpy_loops import LagNorms, before
from bptt.kernels.pool import empty

C: Any = compiled
NUMBERS = {activation: number for number, activation in enumerate(ACTIVATIONS.values())}
MANY = 1 << 20  # rows that the walk by lag has at once, as a rule


def takes(cell: ModuleType, extra: Any) -> bool:
    """Whether the loops of this cell are compiled; a user's own activation is not."""
    return C is not None and (cell is not rnn or extra in NUMBERS)


def affine(a: Array, M: Array, bias: Array | None = None, out: Array | None = None) -> Array:
    """``numpy_loops.affine``."""
    if out is None:
        out = empty((*a.shape[:-1], M.shape[1]), a.dtype)
    C.affine(C.pack(M, 1, a.size // a.shape[-1]), a, bias, out)
    return out


def outer(a: Array, b: Array, out: Array | None = None) -> Array:
    """``numpy_loops.outer``."""
    if out is None:
        out = empty((a.shape[-1], b.shape[-1]), a.dtype)
        out[...] = 0
    C.outer(a, b, out)
    return out


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
    """``numpy_loops.forward``; what is saved takes the place of W_F x + b."""
    T, B, _ = x.shape
    rows, H = W_R.shape
    saved = empty((T, B, cell.SAVED * H), x.dtype)
    affine(x, W_F.T, b, out=saved[..., :rows])
    states = tuple(empty((T + 1, B, H), x.dtype) for _ in state0)
    for state, first in zip(states, state0, strict=True):
        state[0] = first
    packed = C.pack(W_R.T, cell.GATES, B)
    if cell is rnn:
        C.rnn_forward(NUMBERS[extra], packed, saved, *states, keep)
    elif cell is lstm:
        C.lstm_forward(packed, saved, *states, keep)
    else:
        C.gru_forward(packed, extra, saved, *states, keep)
    return saved, states


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
    """``numpy_loops.backward``; d may also be (T, B, H) where the errors of c are zero."""
    T, B, _ = d.shape
    rows, H = W_R.shape
    dz_R = empty((T, B, rows), d.dtype)
    dz_F = empty(dz_R.shape, d.dtype) if cell.TWO_ERRORS else dz_R
    back = np.zeros((B, cell.STATES * H), d.dtype) if carried is None else carried.copy()
    packed = C.pack(W_R, 1, B)
    d, saved, states, keep = _in_line(d, saved, states, keep)
    if cell is rnn:
        C.rnn_backward(NUMBERS[extra], packed, saved, d, back, dz_R, keep)
    elif cell is lstm:
        C.lstm_backward(packed, saved, states[1], d, back, dz_R, keep)
    else:
        C.gru_backward(packed, saved, states[0], d, back, dz_R, dz_F, keep)
    return dz_R, dz_F, back


def local(
    cell: ModuleType,
    saved: Array,
    states: tuple[Array, ...],
    extra: Any,
    keep: Array | None,
) -> tuple[Array, ...]:
    """``numpy_loops.local``."""
    _, saved, states, keep = _in_line(saved, saved, states, keep)
    T, B, width = saved.shape
    H = width // cell.SAVED
    if cell is rnn:
        slope = empty(saved.shape, saved.dtype)
        C.slope(NUMBERS[extra], saved, slope)
        return (slope,)
    first, second = (empty((T, B, n * H), saved.dtype) for n in (cell.GATES, 1))
    if cell is lstm:
        c_prev, c = before(states[1], keep), states[1][1:]
        C.lstm_local(saved, c_prev, c, second, first)
        return second, first, saved[..., H : 2 * H]
    h_prev = before(states[0], keep)
    C.gru_local(saved, h_prev, first, second)
    return first, second, saved[..., H : 2 * H]


def remainder(
    G: Array, R: Array, M: Array, W: Array, r: float, g: float, m: float, n: float
) -> tuple[float, ...]:
    """``numpy_loops.remainder``."""
    products: tuple[float, ...] = C.remainder(G, R, M, W, r, g, m, n)
    return products


class LagStep:
    """``numpy_loops.LagStep``."""

    def __init__(self, cell: ModuleType, W_R: Array) -> None:
        self.cell, self.packed = cell, C.pack(W_R, 1, MANY)

    def __call__(
        self, D: Array, local: tuple[Array, ...], cut: int, dz: Array, arriving: Array
    ) -> LagNorms:
        """dz and the errors one step before, both written; the norms."""
        N, B, _ = D.shape
        squares = np.empty((5, N * B))
        after = (dz, arriving, squares, cut * B)
        if self.cell is rnn:
            C.rnn_lag_step(self.packed, D, *local, *after)
        elif self.cell is lstm:
            C.lstm_lag_step(self.packed, D, *local, *after)
        else:
            C.gru_lag_step(self.packed, D, local[0], local[2], *after)
        at_weights = squares[0].reshape(N, B)
        rest = squares[1:, : (N - cut) * B].reshape(4, N - cut, B)
        return LagNorms(at_weights, *rest)


def _in_line(
    d: Array, saved: Array, states: tuple[Array, ...], keep: Array | None
) -> tuple[Array, Array, tuple[Array, ...], Array | None]:
    """The same, C-contiguous; copied only where they are not."""
    d, saved = np.ascontiguousarray(d), np.ascontiguousarray(saved)
    states = tuple(np.ascontiguousarray(state) for state in states)
    return d, saved, states, None if keep is None else np.ascontiguousarray(keep)
