r"""One layer in one direction, walked back in lag: the signals of all loss steps at once (Q5 to Q7).

At lag k the signals stand at step s. With d the error of the state after that step:

    (1)  dz = back(d)                      to what W_R multiplies; RNN: d ⊙ φ′(z_s)
    (2)  G_k += Σ_s dz_sᵀ h_{s-1}          one matrix product over (s, sequence); r ⊙ h where a gate scales h
    (3)  P = dz W_R                        one matrix product
    (4)  d ← P + carry, at step s - 1      LSTM: the carry is dc ⊙ f; GRU: d ⊙ z; RNN: none

With a layer below, dz W_F is handed down to it at the same lag, before it takes its own step (Q6).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.cells import Derivatives
from bptt.cells.scales import LOG2, slopes_apart
from bptt.gradients.by_lag.apart import log_norms_apart
from bptt.gradients.by_lag.between_levels import as_state
from bptt.gradients.by_lag.lag import NOTHING, Lag
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.scaled import (
    Sizes,
    normalised,
    outer_sum,
    rows_at_weights,
    states_normalised,
)
from bptt.gradients.by_lag.step_back import (
    AtScale,
    SteppedBack,
    of_ordinary_size,
    squares_lost,
    step_back,
)
from bptt.layers.trace import Trace


@dataclass(frozen=True, eq=False)
class Moved:
    """Signals that have moved from one lag to the next.

    Attributes:
        rows: the state errors d, where they stood.
        window: the steps that they stood at, within those of the walk.
        cut: how many of the first rows stood at the first step.
        step: what the step back made of them, and what it measured.
        signal: the reported signal: dz of an RNN, d of a gated cell.
        keep: (N - cut, B) False where a reset stops the step back; None where none does, or nothing takes it.
        before: the rows one step before, or None.
    """

    rows: Rows
    window: slice
    cut: int
    step: SteppedBack
    signal: Sizes
    keep: Array | None = None
    before: Rows | None = None

    @property
    def count(self) -> int:
        """How many (step, sequence) pairs the signal reached."""
        return int(np.count_nonzero(self.rows.reach))


class LayerWalk:
    """The walk of one layer.

    Args:
        trace: its forward pass.
        first: no signal will stand before this step.
        last: nor at or behind this one.
        goes_on: whether what leaves the first step goes on somewhere else, by way of ``leaving``.
    """

    def __init__(self, trace: Trace, first: int, last: int, *, goes_on: bool = False) -> None:
        self.trace, self.first, self.last, self.goes_on = trace, first, last, goes_on
        self.weights = weights = trace.weights
        self.cell = weights.cell
        self.carries = self.cell.carry_gate is not None
        self.W_R, self.e_weights = normalised(weights.W_R)
        self.W_F, self.e_inputs = normalised(weights.W_F)
        self.down: Callable[[Array], Array] | None = None
        self.derivatives, self.e_slopes = trace.linearised(first, last), None
        self.step = kernels.lag_step(self.cell, weights.phi, self.W_R)
        self.ordinary = of_ordinary_size(weights, self.derivatives, self.e_weights)
        if not self.ordinary and not self.carries:
            saved = trace.part(first, last)[0]
            self.derivatives, self.e_slopes = slopes_apart(weights, saved, self.derivatives)
        self.keep = trace.kept(first, last)
        self.buffers: dict[str, Array] = {}
        self.apart: dict[tuple[str, int], list[Array]] = {}
        self.turn = 0
        self.rows: Rows | None = None
        self.leaving: Rows | None = None
        self.handed_down: Rows | None = None

    @cached_property
    def _states(self) -> tuple[Array, int]:
        """The states that W_R multiplied, over 2^e, and e."""
        return states_normalised(self.trace.before(self.first, self.last)[0])

    def _room(self, name: str, shape: tuple[int, ...]) -> Array:
        """An array to write into, the same memory at every lag: fresh pages would cost more than the sums.

        Large on purpose: from 4 MB on NumPy asks the system for huge pages.
        """
        size = math.prod(shape)
        if name not in self.buffers or self.buffers[name].size < size:
            self.buffers[name] = np.empty(max(size, 1 << 20), self.W_R.dtype)
        return self.buffers[name][:size].reshape(shape)

    def _at(self, name: str, array: Array, rows: Rows) -> Array:
        """What belongs to the rows, next to one another; where they are some steps apart it is laid out so once."""
        first, stride = rows.first - self.first, rows.stride
        if stride == 1:
            return array[first : first + len(rows.D)]
        if (name, stride) not in self.apart:
            self.apart[name, stride] = [
                np.ascontiguousarray(array[n::stride]) for n in range(stride)
            ]
        return self.apart[name, stride][first % stride][first // stride :][: len(rows.D)]

    @property
    def standing(self) -> int:
        """How many steps signals stand at now; 0 where none is left."""
        return 0 if self.rows is None else len(self.rows.D)

    def log_norm(self) -> float:
        """ln of the norm of all signals; -inf where none is left."""
        return NOTHING if self.rows is None else self.rows.log_norm()

    def receive(self, rows: Rows | None) -> None:
        """Add errors of h, or of the whole state: what the layer above hands down at this lag."""
        if rows is None:
            return
        if self.rows is not None and rows.fits(self.rows):
            held = self.rows
            held.D[..., : rows.D.shape[-1]] += rows.D
            self.rows = Rows.of(
                held.first, held.D, held.e, held.reach | rows.reach, None, held.common, held.stride
            )
            return
        if rows.D.shape[-1] < self.trace.layer.state_size:
            rows = as_state(self.trace, rows)
        self.rows = rows if self.rows is None else self.rows.plus(rows)

    def walk(
        self, hand_down: bool, negligible: float = NOTHING, by_sequence: bool = False
    ) -> Lag | None:
        """Equations (1) to (4): measure this lag and move on to the next; None if nothing is left.

        Args:
            hand_down: whether a layer below waits for the errors at the inputs.
            negligible: ln of ‖dz‖ up to which G is not formed.
            by_sequence: whether ‖G‖ is asked for of each sequence too.
        """
        moved = self.move(hand_down)
        if moved is None:
            return None
        rows, dz, at_weights = moved.rows, moved.step.dz, moved.step.dz.sizes.log_norm()
        G = None
        each = np.full(rows.D.shape[1], NOTHING) if by_sequence else None
        if not at_weights <= negligible:
            states, e_states = self._states
            h_prev = self._at("h_prev", states, rows)
            saved = self.trace.saved[self.first : self.last][moved.window]
            errors, e, h_prev = rows_at_weights(self.cell, dz.D, dz.e, h_prev, saved)
            G = outer_sum(errors, e, dz.common, h_prev)
            G.e += e_states
            if by_sequence:
                each = log_norms_apart(errors, e, dz.common, h_prev) + LOG2 * e_states
        counted = moved.signal, moved.count, rows.log_norm(), at_weights, each
        return Lag(G, rows.steps, rows.reach, *counted, *self._factors(moved))

    def move(self, hand_down: bool) -> "Moved | None":
        """Equations (1), (3) and (4) alone: move on to the next lag; None if nothing is left."""
        rows, self.rows, self.handed_down, self.leaving = self.rows, None, None, None
        if rows is None:
            return None
        window = slice(rows.first - self.first, rows.last - self.first, rows.stride)
        derivatives = tuple(
            self._at(f"derivatives {n}", array, rows) for n, array in enumerate(self.derivatives)
        )
        cut = 1 if rows.first == 0 and not self.goes_on else 0  # stand at the first step already
        if self.ordinary:
            step = self._by_the_loops(rows, derivatives, cut, hand_down)
        if not self.ordinary or squares_lost(self.cell, rows, derivatives, step):
            e_slopes = None if self.e_slopes is None else self.e_slopes[window]
            step = step_back(
                self.weights, rows.D, rows.e, derivatives, e_slopes, self.W_R, self.e_weights, cut
            )
        if hand_down:
            at = step.at_inputs
            common = None if at.common is None else at.common + self.e_inputs
            if self.down is None:
                self.down = kernels.product(self.W_F, at.D.shape[0] * at.D.shape[1])
            dx = self.down(at.D)
            self.handed_down = Rows.of(
                rows.first, dx, at.e + self.e_inputs, rows.reach, None, common, rows.stride
            )
        signal = rows.sizes if self.carries else step.dz.sizes
        if len(rows.D) == cut:
            return Moved(rows, window, cut, step, signal)
        return Moved(rows, window, cut, step, signal, *self._arrive(rows, cut, step))

    def _by_the_loops(
        self, rows: Rows, derivatives: Derivatives, cut: int, hand_down: bool
    ) -> SteppedBack:
        """Equations (1), (3) and (4) by the loops of ``kernels``: everything at the exponents of the rows."""
        self.turn = 1 - self.turn  # the next rows are written while these are still read
        N, B, S = rows.D.shape
        dz = self._room("dz", (N, B, len(self.W_R)))
        arriving = self._room(f"arriving {self.turn}", (N - cut, B, S))
        norms = self.step(rows.D, derivatives, cut, dz, arriving)
        total = norms.totals
        errors = self.cell.errors_at_input(rows.D, dz, derivatives) if hand_down else dz
        own = rows.e[cut:], rows.common
        through = own
        if self.e_weights:  # then nothing is carried
            common = None if rows.common is None else rows.common + self.e_weights
            through = own[0] + self.e_weights, common
        return SteppedBack(
            AtScale(dz, rows.e, norms.at_weights, rows.common, total.at_weights),
            AtScale(errors, rows.e, None, rows.common),
            AtScale(arriving, through[0].copy(), norms.arriving, through[1]),
            Sizes(norms.through, *through, total.through), Sizes(norms.carry, *own, total.carry),
            Sizes(norms.carrier, *own, total.carrier), total,
        )  # fmt: skip

    def _arrive(self, rows: Rows, cut: int, step: SteppedBack) -> tuple[Array | None, Rows]:
        """(N - cut, B) False where a reset stops the step back, None where none does; the rows one step before."""
        arriving, keep, reach = step.arriving, None, rows.reach[cut:]
        known, totals = arriving.squares, step.totals
        summary = totals and (totals.arriving, totals.least_arriving, totals.most_arriving)
        if self.keep is not None:
            keep = self.keep[rows.first - self.first : rows.last - self.first : rows.stride][cut:]
            reach = reach & keep
            arriving.D[~keep] = 0
            known, summary = None if known is None else known * keep, None
        first, common = rows.first + cut * rows.stride - 1, arriving.common
        moved = Rows.of(first, arriving.D, arriving.e, reach, known, common, rows.stride, summary)
        self._stand(moved)
        return keep, moved

    def _factors(self, moved: "Moved") -> tuple[float, ...]:
        """The norms of what takes the step back, in the order of ``Lag``; none where nothing does."""
        rows, cut, step, keep = moved.rows, moved.cut, moved.step, moved.keep
        if moved.before is None:
            return ()
        leaving = step.dz.sizes.part(cut, None if step.totals is None else step.totals.leaving)
        through = (leaving.log_norm(keep), step.through.log_norm(keep))
        if not self.carries:
            return (NOTHING, *through)
        carry = (step.carry.log_norm(keep), step.carrier.log_norm(keep))
        return (rows.sizes.part(cut).log_norm(keep), *through, *carry, moved.before.log_norm())

    def _stand(self, moved: Rows) -> None:
        """Keep the rows for the next lag; what stands before the first step leaves."""
        if moved.first >= 0:
            self.rows = moved
            return
        self.leaving = moved.part(-1, 0)
        self.rows = moved.part(0, moved.last) if len(moved.D) > 1 else None
