"""A layer with no other above or below it, walked back in lag: several lags in one call of the loops.

Nothing is handed to it on the way and nothing is taken from it, so that its rows can go back by themselves while their
numbers stay in range. The lags are those that ``LayerWalk`` measures, one after the other.
"""

import math
from dataclasses import dataclass, field

from bptt import kernels
from bptt.arrays import Array
from bptt.cells.scales import LOG2
from bptt.gradients.by_lag.lag import NOTHING, Lag
from bptt.gradients.by_lag.layer_walk import LayerWalk
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.scaled import REACH, SAFE, Scaled, Sizes, log_norms
from bptt.gradients.by_lag.step_back import least_square
from bptt.layers.trace import Trace

LAGS = 8  # of a block
LARGEST = 128 << 10  # bytes of a matrix whose sums of several lags are worth having at once
MOST = 1e9  # multiplications and additions of a block, about: behind it Ctrl-C arrives


@dataclass(eq=False)
class Block:
    """Lags that were walked together.

    Attributes:
        rows: the state errors at its first lag.
        first: which of the walk's steps their first row stands at.
        found: what was measured.
        behind: the state errors behind its last lag, or None.
        at: how many of its lags have been handed out.
    """

    rows: Rows
    first: int
    found: kernels.LagBlock
    behind: Rows | None = None
    at: int = 0
    _logs: dict[int, Array] = field(default_factory=dict)

    @property
    def common(self) -> int:
        """The exponent of all rows."""
        assert self.rows.common is not None
        return self.rows.common

    def left(self, j: int) -> slice:
        """The rows that have not ended before lag j."""
        return slice(max(0, j - self.first), len(self.rows.D))

    def log_of(self, total: float) -> float:
        """ln of a norm, its square added up over rows; -inf of 0."""
        return 0.5 * math.log(total) + LOG2 * self.common if total > 0 else NOTHING

    def log_norm(self, j: int) -> float:
        """ln of the norm of all state errors at lag j."""
        return self.rows.log_norm() if j == 0 else self.log_of(self.found.totals[j - 1].arriving)

    def at_weights(self, j: int) -> Sizes:
        """The norms of dz at lag j."""
        return self._sizes(j, j, 0, self.found.totals[j].at_weights)

    def states(self, j: int) -> Sizes:
        """The norms of the state errors at lag j."""
        if j == 0:
            return self.rows.sizes
        return self._sizes(j, j - 1, 4, self.found.totals[j - 1].arriving)

    def _sizes(self, j: int, lag: int, name: int, total: float) -> Sizes:
        """What is left at lag j of norms that were measured at one, ``name`` as in ``LagNorms``."""
        left = self.left(j)
        squares, by_step = self.found.squares[lag, name, left], self._by_step(name)[lag, left]
        return Sizes(squares, self.rows.e[left], self.common, total, by_step)

    def _by_step(self, name: int) -> Array:
        """(L, N) ln of the norm of each step's rows."""
        if name not in self._logs:
            squares = self.found.squares[:, name]
            self._logs[name] = log_norms(squares, self.rows.e, self.common, 2)
        return self._logs[name]

    def in_range(self, h_prev: Array) -> bool:
        """Whether the type held every number of every lag to all its digits.

        Args:
            h_prev: the states before the walk's steps.
        """
        dtype = self.rows.D.dtype
        low, high = 4.0 ** -REACH[dtype], 4.0 ** REACH[dtype]
        least = least_square(dtype, self.found.squares.dtype)
        for j, (largest, total) in enumerate(
            zip(self.found.largest, self.found.totals, strict=True)
        ):
            left, on = self.left(j), self.left(j + 1)
            if not (total.least_at_weights >= least and largest < math.inf):
                return False
            steps = slice(left.start + self.first - j, left.stop + self.first - j)
            if largest <= SAFE[dtype] and h_prev[steps].any():  # G is zero where the states are
                return False
            goes_on = on.start < on.stop
            if goes_on and not low <= total.least_arriving <= total.most_arriving <= high:
                return False
        return True

    def rows_behind(self, D: Array) -> Rows | None:
        """The state errors behind the last lag, which are D, or None where all have ended."""
        if not len(D):
            return None
        rows, total = self.rows, self.found.totals[-1]
        lags = len(self.found.totals)
        left = self.left(lags)
        ends = total.arriving, total.least_arriving, total.most_arriving
        known = self.found.squares[-1, 4, left]
        e, reach, first = rows.e[left].copy(), rows.reach[left], rows.first + left.start - lags
        return Rows.of(first, D, e, reach, known, rows.common, 1, ends)


class LayerAlone(LayerWalk):
    """The walk of a layer by itself; see ``LayerWalk``."""

    def __init__(self, trace: Trace, first: int, last: int) -> None:
        self.block: Block | None = None
        self._rows: Rows | None = None
        self.singly = 0  # lags to take one by one, before a block is tried again
        super().__init__(trace, first, last)
        size = self.W_R.nbytes
        self.by_blocks = (
            self.ordinary and self.keep is None and not self.e_weights
            and not self.cell.scaled_by and size <= LARGEST
        )  # fmt: skip

    @property
    def rows(self) -> Rows | None:
        """The state errors at the next lag; within a block they are walked there anew."""
        if self.block is not None:
            self._rows, lags, self.block = self.block.rows, self.block.at, None
            self.turn = 1 - self.turn  # the block wrote where these rows do not stand
            for _ in range(lags):
                self.move(hand_down=False)
        return self._rows

    @rows.setter
    def rows(self, rows: Rows | None) -> None:
        self._rows = rows

    @property
    def standing(self) -> int:
        """As of ``LayerWalk``; within a block nothing is walked anew."""
        block = self.block
        if block is None:
            return super().standing
        left = block.left(block.at)
        return int(left.stop - left.start)

    def log_norm(self) -> float:
        """As of ``LayerWalk``; within a block nothing is walked anew."""
        block = self.block
        return super().log_norm() if block is None else block.log_norm(block.at)

    def walk(
        self, hand_down: bool, negligible: float = NOTHING, by_sequence: bool = False
    ) -> Lag | None:
        """As of ``LayerWalk``; the lags of a block are measured at its first."""
        if hand_down or by_sequence:
            return super().walk(hand_down, negligible, by_sequence)
        if self.block is None:
            self.block = self._block()
        if self.block is None:
            return super().walk(hand_down, negligible)
        block, lag = self.block, self._lag(self.block, negligible)
        block.at += 1
        if lag.G is None:  # then it is cheaper to form none
            self.by_blocks = False
        if block.at == len(block.found.totals):
            self._rows, self.block = block.behind, None
        return lag

    def _block(self) -> Block | None:
        """The next lags, or None where they are to be taken one by one."""
        rows = self._rows
        if rows is None or not self.by_blocks or rows.stride != 1:
            return None
        if self.singly:
            self.singly -= 1
            return None
        (N, B, S), first = rows.D.shape, rows.first - self.first
        most = int(MOST / (4.0 * N * B * self.W_R.size))
        lags = min(LAGS, most, first + (N if self.first == 0 else 0))
        if lags < 2 or not rows.reach.all():
            return None
        reach = REACH[rows.D.dtype]
        ends = rows.squares.min(), rows.squares.max()
        rows.rescale(ends, reach // 2)  # so that some lags have room
        if rows.common is None or rows.squares.min() < 4.0**-reach:
            return None
        self.turn = 1 - self.turn
        h_prev, left = self._states[0], N - max(0, lags - first)
        arriving = self._room(f"arriving {self.turn}", (left, B, S))
        found = self.step.several(rows.D, self.derivatives, h_prev, first, arriving, lags)
        block = Block(rows, first, found)
        if not block.in_range(h_prev):
            self.turn, self.singly = 1 - self.turn, lags - 1
            return None
        block.behind = block.rows_behind(arriving)
        return block

    def _lag(self, block: Block, negligible: float) -> Lag:
        """What was measured at the next lag of a block."""
        j, found = block.at, block.found
        total, left = found.totals[j], block.left(j)
        cut = block.left(j + 1).start - left.start
        at_weights, state = block.log_of(total.at_weights), block.log_norm(j)
        G = None
        if not at_weights <= negligible:
            G = Scaled(found.G[j], block.common).normalised(found.largest[j])
            G.e += self._states[1]
        first, reach = block.rows.first - j, block.rows.reach[left]
        steps = slice(first + left.start, first + left.stop, 1)
        signal = block.states(j) if self.carries else block.at_weights(j)
        measured = G, steps, reach, signal, reach.size, state, at_weights
        if cut == len(reach):
            return Lag(*measured)
        leaving, through = block.log_of(total.leaving), block.log_of(total.through)
        if not self.carries:
            return Lag(*measured, None, NOTHING, leaving, through)
        gates = (block.log_of(some) for some in (total.carry, total.carrier, total.arriving))
        return Lag(*measured, None, signal.part(cut).log_norm(), leaving, through, *gates)
