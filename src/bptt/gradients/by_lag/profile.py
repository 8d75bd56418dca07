r"""What is known of a gradient once it is split by lag (Q8 to Q10).

The truncation bill (Q10) comes from the same G_k. Truncating BPTT at K steps keeps

    sliding window       Σ_{k<K} G_k
    chunks of K          Σ_{k<K} (1 - k/K) G_k, averaged over where the chunks start

of dW_R, so cutting into chunks weakens the short lags too.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array, as_flag, as_number, as_whole
from bptt.gradients.by_lag.apart import BySequence
from bptt.gradients.by_lag.lag_table import lag_table
from bptt.gradients.by_lag.norms import Norms, power
from bptt.gradients.by_lag.signal import Signal
from bptt.tables import Table, Tabular

LN10 = float(np.log(10.0))
# What multiplies the signal on a step back, by name.
W_R, SLOPE, SLOPES, REST = "W_R", "φ′", "slopes", "rest of the step"
CARRY, BETWEEN, TOGETHER = "carry", "between", "together"


@dataclass(frozen=True)
class Truncation:
    """What truncating at K steps keeps of dW_R.

    Attributes:
        K: how many lags are kept, 0 .. K-1.
        relative_bias: ‖kept - dW_R‖ / ‖dW_R‖.
        cosine: of the angle between what is kept and dW_R.
    """

    K: int
    relative_bias: float
    cosine: float


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Profile(Norms, Signal, Tabular):
    r"""A gradient dW = Σ_k G_k, lag by lag, whatever the recurrence is. K lags, T steps.

    Norms are kept as log10, because they leave the range of float64: log10_norm = -2000 is a result.

    Attributes:
        log10_norm: (K,) log10 ‖G_k‖_F; -inf for zero.
        share: (K,) signed share ⟨G_k, dW⟩ / ‖dW‖²; all lags together give 1. NaN if dW is 0.
        log10_signal: (K,) log10 of the error signal at lag k, RMS over the loss steps that reach
            that far back and over sequences of its norm.
        log10_signal_by_step: (T, K) the same for each loss step t; -inf where there is none. None
            where the table would be too large, or both directions of a stack mix.
        gain: (K-1,) ln of the growth of the signal in the step from lag k to k+1, with what lies between the steps.
        carry_gain: (K-1,) ln of how strongly the carry passes on the error; None where there is none.
        carry_share: (K-1,) the part of the signal, squared, that goes by the carry; None where there is none.
        between_gain: (K-1,) ln of what lies between the steps does to the signal, where something does: a mask,
            dropout, a norm. None where the steps follow one another.
        log10_whole: log10 ‖dW‖_F, known also where dW itself overflows.
        residual: ‖Σ_k G_k - dW‖ / ‖dW‖, with what was left out counted in.
        rest: ‖sum of the lags left out‖ / Σ_k ‖G_k‖; 0 where none was.
        overflow_lag: the first lag whose G_k the type cannot hold, or None.
        kept: (5, K) what the truncation bill is made of, of the lags 0..k: ln of what a window leaves out, over dW; the
            cosine of what it keeps; then of chunks, times k + 1, ln of what they leave out, the cosine of what they keep,
            and ln of it. NaN where there is nothing.
        apart: norm and signal of each sequence by itself, where the sequences were drawn from more; None otherwise.
    """

    log10_norm: Array
    share: Array
    log10_signal: Array
    log10_signal_by_step: Array | None
    gain: Array
    carry_gain: Array | None = None
    carry_share: Array | None = None
    between_gain: Array | None = None
    log10_whole: float
    residual: float
    rest: float
    overflow_lag: int | None = None
    kept: Array
    apart: BySequence | None = None

    @property
    def of(self) -> str:
        """What dW is the gradient of, as sentences name it."""
        raise NotImplementedError

    @property
    def symbol(self) -> str:
        """Of the whole gradient, "dW_R"."""
        raise NotImplementedError

    @property
    def factors(self) -> dict[str, Array]:
        """By name, (K-1,) ln of what multiplies the signal from lag k to k+1; the last is all of them together.

        Where there is a carry it is a way beside the others: there, what they do together is not their product.
        """
        raise NotImplementedError

    @property
    def signal(self) -> Array:
        """(K,) the error signal's RMS norm; 0 or infinite where float64 ends."""
        return power(self.log10_signal)

    @property
    def cancellation(self) -> float:
        """Σ_k ‖G_k‖ / ‖dW‖: 1 where the lags pull together, large where they cancel."""
        if self.log10_whole == -np.inf:
            return float("nan")
        return float(power(self.log10_norm - self.log10_whole).sum())

    @property
    def up_to_horizon(self) -> slice:
        """The gains that means are taken over: from the first lag to the horizon, to the last if there is none."""
        horizon = self.horizon()
        return slice(self.first_lag, None if horizon is None else max(self.first_lag + 1, horizon))

    @property
    def rate(self) -> float:
        """Mean growth of the signal per step back, ln, over the lags up to the horizon.

        NaN if there is no step back, or the signal is zero from the first on.
        """
        gain = self.gain[self.up_to_horizon]
        gain = gain[np.isfinite(gain)]
        return float(gain.mean()) if len(gain) else float("nan")

    def truncation(self, K: int, chunked: bool = False) -> Truncation:
        """What truncating BPTT at K steps keeps of dW, before any training.

        Args:
            K: how many lags are kept: 0 .. K-1.
            chunked: cut the sequence into chunks of K and detach between them (averaged over where
                the chunks start), instead of a window that slides with every step.

        Raises:
            OptionError: if K is below 1, or beyond the lags that were computed.
        """
        complete, chunked = self.rest == 0, as_flag("chunked", chunked)
        K = as_whole(
            "K", K, least=1, most=None if complete else len(self.lags),
            cure="Compute more lags: a larger max_lag, tolerance=0.",
        )  # fmt: skip
        within = min(K, len(self.lags))
        left, cosine, left_chunked, cosine_chunked, log_kept = self.kept[:, within - 1]
        if not chunked:
            return Truncation(K, float(power(left / LN10)), float(cosine))
        if K > within:  # every lag more adds dW itself: N + (K - k) dW
            size, more = float(np.exp(log_kept)), K - within
            along = more + (size * cosine_chunked if size else 0.0)
            across = size * float(np.sqrt(max(0.0, 1 - cosine_chunked**2))) if size else 0.0
            cosine_chunked = along / float(np.hypot(along, across))
        return Truncation(K, float(power(left_chunked / LN10)) / K, float(cosine_chunked))

    def shortest_truncation(self, relative_bias: float = 0.05, chunked: bool = False) -> int | None:
        """The smallest K from which on the bias stays at or below this; None if no computed K does.

        Raises:
            OptionError: if the bias is not in (0, 1).
        """
        relative_bias = as_number("relative_bias", relative_bias, "(0, 1)", "0.05 is 5 %.")
        chunked = as_flag("chunked", chunked)
        K = self.lags + 1
        left, _, left_chunked, _, _ = self.kept
        log_bias = left_chunked - np.log(K) if chunked else left
        above = np.flatnonzero(~(log_bias <= np.log(relative_bias)))
        shortest = int(above[-1]) + 2 if len(above) else 1
        if shortest <= len(K):
            return shortest
        if not chunked or self.rest > 0 or not np.isfinite(left_chunked[-1]):
            return None
        # All lags are known: what chunks of K leave out is the same for every K, over K.
        shortest = max(shortest, int(np.exp(left_chunked[-1]) / relative_bias))
        while self.truncation(shortest, chunked=True).relative_bias > relative_bias:
            shortest += 1
        return shortest

    def table(self) -> Table:
        """A row per lag: norm, share, signal, gains, carry, and what truncating behind it costs, with units and definitions."""
        return lag_table(self)

    def __repr__(self) -> str:
        """The three numbers one looks at first."""
        return (
            f"{type(self).__name__}(lags={len(self.lags)}, horizon={self.horizon()}, "
            f"rate={self.rate:+.3f}, residual={self.residual:.1e})"
        )
