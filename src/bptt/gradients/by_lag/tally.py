"""What is kept of each lag once its signals have moved on, and the profile made of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from bptt.arrays import Array
from bptt.errors import ResidualError
from bptt.gradients.by_lag.apart import Apart
from bptt.gradients.by_lag.bill import NO_LAG, Bill
from bptt.gradients.by_lag.gains import gains_of
from bptt.gradients.by_lag.lag import Lag
from bptt.gradients.by_lag.lag_profile import LagProfile
from bptt.gradients.by_lag.scaled import Scaled, Sizes, log_size, ratio
from bptt.layers.timeline import Timeline
from bptt.layers.trace import Trace

LN10 = float(np.log(10.0))
TINY = float(np.finfo(np.float64).tiny)  # something was left out, however little
TOGETHER, SMALL = 8, 1 << 20  # lags that are counted together, of matrices of so many bytes at most
MOST_CELLS = 2e7  # of the table loss step × lag; beyond it the table is left out

# The norms of ``Lag``, added up as ln of a sum of squares over the chunks of loss steps.
NORMS = (
    "state", "at_weights", "state_leaving", "at_weights_leaving", "through_weights", "carry",
    "carrier", "arriving",
)  # fmt: skip


@dataclass(eq=False)
class _Measured:
    """One lag, over all chunks of loss steps."""

    log_norms: dict[str, float]
    signal: float = -np.inf  # ln ‖signal‖
    count: int = 0
    G: Scaled | None = None
    by_step: list[tuple[slice, Array]] = field(default_factory=list)
    stays: float = -np.inf  # ln of the signal that takes the step back within a column
    leaves: float = -np.inf  # of what goes through something else on its way
    arrives: float = -np.inf  # of what that makes of it


class Tally:
    """The lags of one layer.

    Args:
        traces: the layer's forward pass; several where it was run in pieces.
        whole: dW_R by a backward pass.
        keep_matrices: whether every G_k is wanted.
        one_chunk: whether each lag comes once, complete; then its matrix need not be held.
        by_step: whether step + lag names the loss step.
        timeline: where the batch's columns stand in time, if they do not all start at its beginning.
        negligible: part of Σ‖G‖ below which a G is not worth forming; 0 forms all.
        by_sequence: whether norm and signal of each sequence are kept.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        whole: Scaled,
        keep_matrices: bool,
        *,
        one_chunk: bool,
        by_step: bool,
        timeline: Timeline | None = None,
        negligible: float = 0.0,
        by_sequence: bool = False,
    ) -> None:
        self.weights, self.dtype = traces[0].weights, traces[0].layer.dtype
        self.whole, self.keep_matrices = whole, keep_matrices
        self.one_chunk, self.has_steps, self.timeline = one_chunk, by_step, timeline
        self.steps = len(traces[0].x) if timeline is None else timeline.steps + timeline.behind
        self.lags: list[_Measured] = []
        self.log_h = log_size([trace.h for trace in traces])
        self.left_out = Scaled.zeros(whole.M.shape)  # what the lags beyond the last add up to
        self.bill = Bill(whole)
        self.waiting: list[Scaled | None] = []  # G of the lags that the bill has not been told of
        self.log_total = -np.inf  # ln Σ_{j<=k} ‖G_j‖
        self.log_negligible = float(np.log(negligible)) if negligible and one_chunk else -np.inf
        self.apart = Apart() if by_sequence and one_chunk else None
        self.matrices: list[Array] = []
        self.overflow_lag: int | None = None
        self.moves: Callable[[], float] | None = None  # ln ‖·‖ of dW_R's, see ``Moves``

    def add(self, k: int, lag: Lag) -> None:
        """Count one lag of one chunk."""
        while len(self.lags) <= k:
            self.lags.append(_Measured(dict.fromkeys(NORMS, -np.inf)))
        measured = self.lags[k]
        for name in NORMS:
            measured.log_norms[name] = together(measured.log_norms[name], getattr(lag, name))
        measured.signal = together(measured.signal, lag.signal.log_norm())
        measured.count += lag.count
        if self.has_steps and self.steps * len(self.lags) <= MOST_CELLS:
            measured.by_step.append(self._per_loss_step(k, lag))
        if self.one_chunk:
            known = len(self.bill.rows) + len(self.waiting)
            self.waiting += [None] * (k - known)  # a layer below can start late
            self.waiting.append(lag.G)
            if len(self.waiting) >= TOGETHER or self.whole.M.nbytes > SMALL:
                self._count()
            if self.apart is not None:
                self.apart.add(k, lag)
        elif measured.G is None:
            measured.G = lag.G
        elif lag.G is not None:
            measured.G += lag.G

    def passes(self, k: int, stays: float, leaves: float) -> None:
        """What takes the step from lag k on, ln of norms: within a column, and through something in between."""
        if k < len(self.lags):
            measured = self.lags[k]
            measured.stays = together(measured.stays, stays)
            measured.leaves = together(measured.leaves, leaves)

    def passed(self, k: int, arrives: float) -> None:
        """What something in between has made of it, ln of the norm."""
        if k < len(self.lags):
            self.lags[k].arrives = together(self.lags[k].arrives, arrives)

    def rest_below(self, tolerance: float, signals: float) -> bool:
        """Whether the lags not yet walked can be left out, ``signals`` being ln of the norm of what would go there."""
        self._count()
        if signals == -np.inf or not self.bill.rows:
            return signals == -np.inf
        bar = float(np.log(tolerance)) + self.log_total
        if signals + self.log_h > bar:
            return False
        return self.bill.remaining.log_norm() <= bar

    @property
    def negligible_signal(self) -> float:
        """ln of ‖dz‖ at which ‖G‖ <= ‖dz‖ ‖h‖ cannot be larger than what is negligible."""
        if self.log_negligible == -np.inf:
            return -np.inf
        self._count()
        return self.log_negligible + self.log_total - self.log_h

    @property
    def keeps_sequences(self) -> bool:
        """Whether ‖G‖ of each sequence is asked for."""
        return self.apart is not None

    def _count(self) -> None:
        """All of the waiting lags is known: their norms, shares and what truncating behind them keeps."""
        waiting, self.waiting = self.waiting, []
        for begin in range(0, len(waiting), TOGETHER):
            lags = waiting[begin : begin + TOGETHER]
            if lags[0] is None and not self.bill.rows:
                lags[0] = Scaled.zeros(self.whole.M.shape)
            if self.keep_matrices:
                lags = [Scaled.zeros(self.whole.M.shape) if G is None else G for G in lags]
            for formed, run in groupby(lags, lambda G: G is not None):
                if formed:
                    self._add([G for G in run if G is not None])
                else:
                    for _ in run:
                        self.bill.add_nothing()

    def _add(self, lags: list[Scaled]) -> None:
        """Count lags that have a matrix."""
        first, dtype = len(self.bill.rows), self.dtype
        for k, (G, norm) in enumerate(zip(lags, self.bill.add(*lags), strict=True), first):
            if self.keep_matrices:
                self.matrices.append(G.value(dtype))
            # No entry is larger than the norm: only a norm beyond the type needs a closer look.
            beyond = norm >= np.log(np.finfo(dtype).max)
            if beyond and self.overflow_lag is None and not np.isfinite(G.value(dtype)).all():
                self.overflow_lag = k
            self.log_total = float(np.logaddexp(self.log_total, norm))

    def profile(self) -> LagProfile:
        """Everything, checked.

        Raises:
            ResidualError: if the lags do not add up to dW_R.
        """
        if not self.one_chunk:
            self.waiting = [measured.G for measured in self.lags]
        self._count()
        norm, share, *kept = np.array(self.bill.rows or [NO_LAG]).T
        miss = (self.bill.remaining - self.left_out).log_norm()
        self._check_residual(miss)
        log_whole = self.whole.log_norm()
        dtype = self.dtype
        lags = self.lags or [_Measured(dict.fromkeys(NORMS, -np.inf))]
        norms = {name: np.array([m.log_norms[name] for m in lags]) for name in NORMS}
        counts = np.array([max(1, m.count) for m in lags])
        signal = np.array([m.signal for m in lags]) - 0.5 * np.log(counts)
        # -inf - -inf: no signal, no gain; what is left out may outgrow everything
        with np.errstate(invalid="ignore", over="ignore", under="ignore"):
            gains = gains_of(norms, gated=self.weights.cell.carry_gate is not None)
            gains |= self._between(gains["gain"], lags)
            rest = ratio(self.left_out.size(), self.bill.sizes)
            residual = float(np.exp(miss - log_whole)) if miss > -np.inf else 0.0
        return LagProfile(
            log10_norm=norm / LN10,
            share=share,
            log10_signal=signal / LN10,
            log10_signal_by_step=self._by_step(),
            **gains,
            dW_R=self.whole.value(dtype),
            log10_whole=log_whole / LN10,
            matrices=np.stack(self.matrices) if self.matrices else None,
            residual=residual,
            rest=max(rest, TINY) if self.left_out.M.any() else 0.0,
            overflow_lag=self.overflow_lag,
            kept=np.stack(kept),
            apart=None if self.apart is None else self.apart.of(len(lags)),
        )

    def _between(self, gain: Array, lags: list[_Measured]) -> dict[str, Array]:
        """What lies between columns does to the signal, and the growth with it; nothing where nothing does."""
        steps = lags[:-1]
        if not any(measured.leaves > -np.inf for measured in steps):
            return {}
        stays, leaves, arrives = (
            np.array([getattr(measured, name) for measured in steps])
            for name in ("stays", "leaves", "arrives")
        )
        between = np.logaddexp(2 * stays, 2 * arrives) - np.logaddexp(2 * stays, 2 * leaves)
        return {"between_gain": between / 2, "gain": gain + between / 2}

    def _check_residual(self, miss: float) -> None:
        """Refuse a difference larger than rounding can explain."""
        total = np.logaddexp.reduce([m.log_norms["at_weights"] for m in self.lags] or [-np.inf])
        summed = np.logaddexp.reduce(
            [total + self.log_h, self.whole.log_norm(), self.left_out.log_norm() + np.log(16)]
        )
        steps = len(self.lags) + self.steps + 16
        eps = np.finfo(self.dtype).eps
        if not (miss <= np.log(eps * steps) + summed or self._moves_as_far(miss, steps)):
            wider = (
                "use float64, "
                if self.dtype == np.float32
                else "bring the scales of the weights closer together, "
            )
            log_whole = self.whole.log_norm()
            came = (
                f"a difference of {np.exp(miss - log_whole):.1e} of it"
                if miss - log_whole < 700
                else f"a difference of 1e{miss / LN10:.0f} where dW_R is 1e{log_whole / LN10:.0f}"
                if log_whole > -np.inf
                else f"a difference of 1e{miss / LN10:.0f} where dW_R is zero"
            )
            raise ResidualError(
                "by_lag", "lags that add up to dW_R", came,
                "Rounding errors have outgrown the gradient, or errors of a layer's units lie further apart than "
                f"the type reaches: {wider}shorter sequences or smaller recurrent weights.",
            )  # fmt: skip

    def _moves_as_far(self, miss: float, steps: int) -> bool:
        """Whether errors had lost as much before the lags were added up; half of the digits must be right."""
        half = 0.5 * np.log(np.finfo(self.dtype).eps) + self.whole.log_norm()
        return bool(miss <= half and self.moves and miss <= np.log(steps) + self.moves())

    def _per_loss_step(self, k: int, lag: Lag) -> tuple[slice, Array]:
        """The loss steps that have a signal at this lag, and log10 of the signal of each."""
        steps, signal, reach = lag.steps, lag.signal, lag.reach
        if self.timeline is None:
            of_loss = slice(steps.start + k, steps.stop + k, steps.step)
            return of_loss, _log10_per_step(signal, reach)
        lay, first = self.timeline.lay, steps.start
        last = max(0, self.steps - k)  # nothing stands where its loss would lie behind the end
        s, e, reach = (lay(a, first)[:last] for a in (signal.squares, signal.e, reach))
        return slice(k, k + len(s)), _log10_per_step(Sizes(s, e, None), reach)

    def _by_step(self) -> Array | None:
        """(T, K) log10 of the signal by loss step and lag."""
        T, K = self.steps, len(self.lags)
        if not self.has_steps or T * K > MOST_CELLS:
            return None
        table = np.full((T, K), -np.inf, np.float32)
        for k, measured in enumerate(self.lags):
            for steps, log10 in measured.by_step:
                table[steps, k] = log10
        return table


def together(a: float, b: float) -> float:
    """ln √(e^2a + e^2b)."""
    return float(0.5 * np.logaddexp(2 * a, 2 * b)) if a > -np.inf else b


def _log10_per_step(signal: Sizes, reach: Array) -> Array:
    """log10 of the RMS over sequences of the signal's norm, per step.

    Args:
        signal: of the rows.
        reach: (N, B) where one stands.
    """
    log_norms = signal.log_norms(1)
    if np.count_nonzero(reach) == reach.size:  # as a rule
        return np.asarray((log_norms - 0.5 * math.log(reach.shape[1])) / LN10)
    return np.asarray((log_norms - 0.5 * np.log(np.maximum(1, reach.sum(1)))) / LN10)
