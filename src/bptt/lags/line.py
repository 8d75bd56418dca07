r"""One layer in one direction, walked back in lag: the signals of all loss steps at once (Q5 to Q7).

At lag k the signals stand at step s. With d the error of the state after that step:

    (1)  dz = back(d)                      to what W_R multiplies; RNN: d ⊙ φ′(z_s)
    (2)  G_k += Σ_s dz_sᵀ h_{s-1}          one matrix product over (s, sequence)
    (3)  P = dz W_R                        one matrix product
    (4)  d ← P + carry, at step s - 1      LSTM: the carry is dc ⊙ f; GRU: d ⊙ z; RNN: none

With a layer below, dz W_F is handed down to it at the same lag, before it takes its own step (Q6).
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.lags.scaled import LOG2, Rows, Scaled, log_norm, normalised, outer_sum, squares
from bptt.layers.trace import Trace

NOTHING = -np.inf


@dataclass(frozen=True, eq=False)
class Lag:
    """What is measured at one lag. Norms are ln, over all rows; -inf for none.

    Attributes:
        G: this lag's part of dW_R.
        rows: the state errors d.
        signal_squares: (N, B) of the reported signal: dz of an RNN, d of a gated cell.
        count: how many (step, sequence) pairs the signal reached.
        state: ‖d‖.
        at_weights: ‖dz‖.
        state_leaving: ‖d‖ of the rows that take the step back.
        at_weights_leaving: ‖dz‖ of them.
        through_weights: ‖P‖.
        carry: ‖carry‖.
        carrier: ‖what the carry multiplies‖: dc of an LSTM, d of a GRU.
        arriving: ‖P + carry‖.
    """

    G: Scaled
    rows: Rows
    signal_squares: Array
    count: int
    state: float
    at_weights: float
    state_leaving: float = NOTHING
    at_weights_leaving: float = NOTHING
    through_weights: float = NOTHING
    carry: float = NOTHING
    carrier: float = NOTHING
    arriving: float = NOTHING


class Line:
    """The walk of one layer.

    Args:
        trace: its forward pass.
        first: no signal will stand before this step.
        last: nor at or behind this one.
    """

    def __init__(self, trace: Trace, first: int, last: int) -> None:
        self.trace, self.first = trace, first
        self.cell, self.W_F = trace.layer.cell, trace.layer.W_F
        self.gated = trace.layer.kind != "rnn"
        self.W_R, self.e_weights = normalised(trace.layer.W_R)
        self.local = trace.local(first, last)
        self.h_prev, self.e_states = normalised(trace.before(first, last)[0])
        self.keep = None if trace.keep is None else trace.keep[first:last]
        self.buffers: dict[str, Array] = {}
        self.turn = 0
        self.rows: Rows | None = None
        self.handed_down: Rows | None = None

    def _room(self, name: str, shape: tuple[int, ...]) -> Array:
        """An array to write into, the same memory at every lag: fresh pages would cost more than the sums.

        Large on purpose: from 4 MB on NumPy asks the system for huge pages.
        """
        size = int(np.prod(shape))
        if name not in self.buffers or self.buffers[name].size < size:
            self.buffers[name] = np.empty(max(size, 1 << 20), self.h_prev.dtype)
        return self.buffers[name][:size].reshape(shape)

    def receive(self, rows: Rows | None) -> None:
        """Add what the layer above hands down at this lag."""
        if rows is not None:
            self.rows = rows if self.rows is None else self.rows.plus(rows)

    def walk(self, hand_down: bool) -> Lag | None:
        """Equations (1) to (4): measure this lag and move on to the next; None if nothing is left."""
        rows, self.rows, self.handed_down = self.rows, None, None
        if rows is None:
            return None
        here = slice(rows.first - self.first, rows.last - self.first)
        local = tuple(array[here] for array in self.local)
        self.turn = 1 - self.turn  # the next rows are written while these are still read
        N, B, S = rows.D.shape
        dz, carry = self.cell.back(
            rows.D,
            local,
            self._room("dz", (N, B, len(self.W_R))),
            self._room(f"carry {self.turn}", (N, B, S)) if self.gated else None,
        )
        if hand_down:
            dz_F = self.cell.at_input(rows.D, dz, local)
            dx = (dz_F.reshape(rows.e.size, -1) @ self.W_F).reshape(*rows.e.shape, -1)
            self.handed_down = Rows.of(rows.first, dx, rows.e.copy(), rows.reach, None, rows.common)
        at_weights = squares(dz)
        signal = at_weights if carry is None else rows.squares
        G = outer_sum(dz, rows.e, rows.common, self.h_prev[here])
        G.e += self.e_states
        counted = (
            G, rows, signal, int(rows.reach.sum()), rows.log_norm(),
            float(log_norm(at_weights, rows.e, rows.common)),
        )  # fmt: skip
        cut = 1 if rows.first == 0 else 0  # these stand at the first step already
        if len(rows.D) == cut:
            return Lag(*counted)
        return Lag(*counted, *self._step_back(rows, local, dz, carry, at_weights, cut))

    def _step_back(
        self,
        rows: Rows,
        local: tuple[Array, ...],
        dz: Array,
        carry: Array | None,
        at_weights: Array,
        cut: int,
    ) -> tuple[float, ...]:
        """Equations (3) and (4), and the norms of what takes the step."""
        e, reach, H = rows.e[cut:], rows.reach[cut:], self.W_R.shape[1]
        keep = None
        if self.keep is not None:
            keep = self.keep[rows.first + cut - self.first : rows.last - self.first]
            reach = reach & keep
        P = self._room("P" if self.gated else f"P {self.turn}", (*e.shape, H))
        # Two axes: with three, NumPy makes one small product per step.
        np.matmul(dz[cut:].reshape(e.size, -1), self.W_R, out=P.reshape(e.size, H))
        passed = squares(P)

        def norm(s: Array) -> float:
            return float(log_norm(s if keep is None else s * keep, e, rows.common))

        through = (norm(at_weights[cut:]), norm(passed) + LOG2 * self.e_weights)
        scale, common = e.copy(), rows.common
        if carry is None:
            d, known = P, None if keep is not None else passed
            if self.e_weights:
                scale, common = scale + self.e_weights, None
            norms: tuple[float, ...] = (NOTHING, *through)
        else:
            d, known = carry[cut:], None
            carried = squares(d)
            d[..., :H] += np.ldexp(P, self.e_weights) if self.e_weights else P
            carrier = rows.squares[cut:]
            if self.cell.STATES == 2:  # (4) of cells.lstm: dc ← dc + dh ⊙ o tanh′(c)
                D = rows.D[cut:]
                carrier = squares(D[..., H:] + D[..., :H] * local[0][cut:])
            norms = (norm(rows.squares[cut:]), *through, norm(carried), norm(carrier))
        if keep is not None:
            d *= keep[..., None]
        self.rows = Rows.of(rows.first + cut - 1, d, scale, reach, known, common)
        return norms if carry is None else (*norms, self.rows.log_norm())
