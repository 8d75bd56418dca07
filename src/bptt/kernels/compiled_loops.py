"""The compiled loops with the signatures of ``numpy_loops`` and ``numpy_lags``: the arrays are made here.

These two say what each computes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.cells import Cell, Derivatives, States, Weights, gru, lstm, rnn
from bptt.cells.activations import ACTIVATIONS, Activation
from bptt.kernels.instruction_sets import compiled
from bptt.kernels.numpy_lags import LagBlock, LagNorms, LagTotals
from bptt.kernels.numpy_loops import before, drive_by_symbol
from bptt.kernels.one_hot import codes_of
from bptt.kernels.pool import empty

C: Any = compiled
RNN, LSTM, GRU = rnn.CELL, lstm.CELL, gru.CELL
NUMBERS = {activation: number for number, activation in enumerate(ACTIVATIONS.values())}
MANY = 1 << 20  # rows that the walk by lag has at once, as a rule
PARTS = {
    4096: 8,
    512: 4,
    128: 2,
    0: 1,
}  # from so many rows on, parts of a block of lags with sums of their own
MOST = 1e9  # multiplications and additions of one call, about: between two calls Ctrl-C arrives


def takes(cell: Cell, phi: Activation) -> bool:
    """Whether the loops of this cell are compiled; a user's own cell or activation is not."""
    return C is not None and cell in (RNN, LSTM, GRU) and phi in NUMBERS


def _pieces(steps: int, each: float) -> list[slice]:
    """Steps, with so many multiplications and additions each, in pieces of at most ``MOST``."""
    size = max(1, int(MOST // each)) if each else max(1, steps)
    return [slice(first, min(first + size, steps)) for first in range(0, steps, size)]


def affine(a: Array, M: Array, bias: Array | None = None, out: Array | None = None) -> Array:
    """``numpy_loops.affine``."""
    if out is None:
        out = empty((*a.shape[:-1], M.shape[1]), a.dtype)
    _affine(C.pack(M, 1, a.size // a.shape[-1]), a, bias, out)
    return out


def product(M: Array, rows: int) -> Callable[[Array], Array]:
    """``numpy_loops.product``: M is laid out for the loops once."""
    packed = C.pack(M, 1, rows)

    def times(a: Array) -> Array:
        rows = a.reshape(-1, a.shape[-1])
        out = empty((len(rows), M.shape[1]), a.dtype)
        _affine(packed, rows, None, out)
        return out.reshape(*a.shape[:-1], M.shape[1])

    return times


def _affine(packed: Any, a: Array, bias: Array | None, out: Array) -> None:
    """a M + bias, of an M that is laid out, to ``out``."""
    for piece in _pieces(len(a), 2.0 * a[0].size * out.shape[-1] if len(a) else 0):
        C.affine(packed, a[piece], bias, out[piece])


def outer(a: Array, b: Array, out: Array | None = None, sums: Array | None = None) -> Array:
    """``numpy_loops.outer``."""
    if out is None:
        out = empty((a.shape[-1], b.shape[-1]), a.dtype)
        out[...] = 0
    if a.size:  # of no row at all nothing is added
        for piece in _pieces(len(a), 2.0 * a[0].size * b.shape[-1]):
            C.outer(a[piece], b[piece], out, sums)
    return out


def outer_in_double(a: Array, b: Array) -> tuple[Array, float]:
    """``numpy_loops.outer_in_double``."""
    out = np.zeros((a.shape[-1], b.shape[-1]))
    pieces = _pieces(len(a), 2.0 * a[0].size * b.shape[-1] if a.size else 0)
    if len(pieces) == 1:
        return out, C.outer_in_double(a, b, out)
    part = np.empty_like(out)
    for piece in pieces:
        C.outer_in_double(a[piece], b[piece], part)
        out += part
    return out, max(float(out.max()), -float(out.min()))


def squares_of_sums(a: Array, b: Array) -> tuple[Array, Array]:
    """``numpy_loops.squares_of_sums``."""
    N, B, _ = a.shape
    squares, most = np.empty((2, B))
    for piece in _pieces(B, 1.0 * N * N * (a.shape[2] + b.shape[2])):
        some = (np.ascontiguousarray(rows[:, piece]) for rows in (a, b))
        C.squares_of_sums(*some, squares[piece], most[piece])
    return squares, most


def look_up(table: Array, codes: Array, out: Array) -> None:
    """``numpy_loops.look_up``."""
    C.look_up(np.ascontiguousarray(table), codes, out)


def add_up(rows: Array, codes: Array, size: int) -> Array:
    """``numpy_loops.add_up``."""
    out = np.zeros((size, rows.shape[-1]), rows.dtype)
    C.add_up(rows, codes, out)
    return out


def forward(weights: Weights, x: Array, state0: States, keep: Array | None) -> tuple[Array, States]:
    """``numpy_loops.forward``; what is saved takes the place of W_F x + b."""
    T, B, _ = x.shape
    cell, (rows, H) = weights.cell, weights.W_R.shape
    saved = empty((T, B, len(cell.saved) * H), x.dtype)
    codes = codes_of(x)
    if codes is None:
        affine(x, weights.W_F.T, weights.b, out=saved[..., :rows])
    else:
        look_up(*drive_by_symbol(weights, codes), saved[..., :rows])
    states = tuple(empty((T + 1, B, H), x.dtype) for _ in state0)
    for state, first in zip(states, state0, strict=True):
        state[0] = first
    packed = C.pack(weights.W_R.T, len(cell.gates), B)
    for piece in _pieces(T, 2.0 * B * rows * H):
        own, kept = (saved[piece], *_around(piece, states)), None if keep is None else keep[piece]
        if cell is RNN:
            C.rnn_forward(NUMBERS[weights.phi], packed, *own, kept)
        elif cell is LSTM:
            C.lstm_forward(packed, *own, kept)
        else:
            C.gru_forward(packed, *weights.recurrent_biases, *own, kept)
    return saved, states


def _around(piece: slice, states: States) -> States:
    """The states before, between and after the steps of a piece."""
    return tuple(state[piece.start : piece.stop + 1] for state in states)


def backward(
    weights: Weights,
    d: Array,
    saved: Array,
    states: States,
    keep: Array | None,
    carried: Array | None = None,
) -> tuple[Array, Array, Array]:
    """``numpy_loops.backward``; d may also be (T, B, H) where the errors of c are zero."""
    T, B, _ = d.shape
    cell, (rows, H) = weights.cell, weights.W_R.shape
    dz_R = empty((T, B, rows), d.dtype)
    dz_F = dz_R if cell.input_vjp is None else empty(dz_R.shape, d.dtype)
    back = np.zeros((B, len(cell.states) * H), d.dtype) if carried is None else carried.copy()
    packed = C.pack(weights.W_R, 1, B)
    d, saved, states, keep = _in_line(d, saved, states, keep)
    for piece in reversed(_pieces(T, 2.0 * B * rows * H)):
        own, kept = _around(piece, states), None if keep is None else keep[piece]
        after = (d[piece], back, dz_R[piece])
        if cell is RNN:
            C.rnn_backward(NUMBERS[weights.phi], packed, saved[piece], *after, kept)
        elif cell is LSTM:
            C.lstm_backward(packed, saved[piece], own[1], *after, kept)
        else:
            C.gru_backward(packed, saved[piece], own[0], *after, dz_F[piece], kept)
    return dz_R, dz_F, back


def linearised(weights: Weights, saved: Array, states: States, keep: Array | None) -> Derivatives:
    """``numpy_loops.linearised``."""
    _, saved, states, keep = _in_line(saved, saved, states, keep)
    cell, (T, B, width) = weights.cell, saved.shape
    H = width // len(cell.saved)
    if cell is RNN:
        slope = empty(saved.shape, saved.dtype)
        C.slope(NUMBERS[weights.phi], saved, slope)
        return (slope,)
    factors, of_state = (empty((T, B, n * H), saved.dtype) for n in (len(cell.gates), 1))
    if cell is LSTM:
        c_prev, c = before(states[1], keep), states[1][1:]
        C.lstm_local(saved, c_prev, c, of_state, factors)
        return of_state, factors, saved[..., cell.saved_block("f", H)]
    h_prev = before(states[0], keep)
    C.gru_local(saved, h_prev, factors, of_state)
    return factors, of_state, saved[..., cell.saved_block("z", H)]


def bill(
    lags: Sequence[Array],
    W: Array,
    sums: Sequence[Array],
    to: Sequence[Array],
    first: Sequence[float],
    then: Sequence[float],
) -> list[tuple[float, ...]]:
    """``numpy_loops.bill``."""
    products: list[tuple[float, ...]] = C.bill(lags, W, sums, to, first, then)
    return products


class LagStep:
    """``numpy_lags.LagStep``."""

    def __init__(self, cell: Cell, W_R: Array) -> None:
        self.cell, self.packed = cell, C.pack(W_R, 1, MANY)
        self.rows, self.hidden = W_R.shape

    def __call__(
        self, D: Array, derivatives: Derivatives, cut: int, dz: Array, arriving: Array
    ) -> LagNorms:
        """dz and the errors one step before, both written; the norms."""
        N, B, _ = D.shape
        pieces = _pieces(N, 2.0 * B * dz.shape[-1] * self.hidden)
        if len(pieces) == 1:
            return self._piece(D, derivatives, cut, dz, arriving)
        at_weights, rest = np.empty((N, B)), np.empty((4, N - cut, B))
        for piece in pieces:
            after = slice(max(piece.start, cut) - cut, max(piece.stop, cut) - cut)
            of_piece = tuple(array[piece] for array in derivatives)
            # of the piece's rows, those that have no step before them
            first = min(max(0, cut - piece.start), piece.stop - piece.start)
            own = self._piece(D[piece], of_piece, first, dz[piece], arriving[after])
            at_weights[piece], rest[:, after] = own.at_weights, own[1:5]
        return LagNorms.of(cut, at_weights, *rest)

    def _piece(
        self, D: Array, derivatives: Derivatives, cut: int, dz: Array, arriving: Array
    ) -> LagNorms:
        """The same of some rows in one call."""
        N, B, _ = D.shape
        squares = np.empty((5, N * B))
        after = (dz, arriving, squares, cut * B)
        if self.cell is RNN:
            totals = C.rnn_lag_step(self.packed, D, *derivatives, *after)
        elif self.cell is LSTM:
            totals = C.lstm_lag_step(self.packed, D, *derivatives, *after)
        else:
            totals = C.gru_lag_step(self.packed, D, derivatives[0], derivatives[2], *after)
        through, carry, carrier, arrived = squares[1:, : (N - cut) * B].reshape(4, N - cut, B)
        if self.cell is RNN:
            carry = carrier = through
        at_weights = squares[0].reshape(N, B)
        return LagNorms(at_weights, through, carry, carrier, arrived, LagTotals(*totals))

    def several(
        self, D: Array, derivatives: Derivatives, h_prev: Array, first: int, arriving: Array, L: int
    ) -> LagBlock:
        """``numpy_lags.LagStep.several``; an RNN's carry and carrier are left out."""
        N, B, _ = D.shape
        shape = L, self.rows, self.hidden
        parts = next(parts for rows, parts in PARTS.items() if N * B >= rows)
        sums = empty((parts, *shape), D.dtype)
        squares, G = (empty(some, np.dtype(np.float64)) for some in ((L, 5, N, B), shape))
        largest, totals = np.empty(L), np.empty((L, len(LagTotals._fields)))
        if self.cell is GRU:
            derivatives = derivatives[0], derivatives[2]
        block = {RNN: C.rnn_lag_block, LSTM: C.lstm_lag_block, GRU: C.gru_lag_block}[self.cell]
        measured = sums, squares, G, largest, totals
        block(self.packed, D, *derivatives, h_prev, arriving, first, *measured)
        return LagBlock(
            squares, [LagTotals(*some) for some in totals.tolist()], G, largest.tolist()
        )


def _in_line(
    d: Array, saved: Array, states: States, keep: Array | None
) -> tuple[Array, Array, States, Array | None]:
    """The same, C-contiguous; copied only where they are not."""
    d, saved = np.ascontiguousarray(d), np.ascontiguousarray(saved)
    states = tuple(np.ascontiguousarray(state) for state in states)
    return d, saved, states, None if keep is None else np.ascontiguousarray(keep)
