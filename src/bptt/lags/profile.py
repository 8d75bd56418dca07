"""What is known of a gradient once it is split by lag (Q8, Q9)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError


@dataclass(frozen=True, eq=False)
class LagProfile:
    r"""dW_R = Σ_k G_k, lag by lag. K lags, T steps, H units.

    Norms are kept as log10, because they leave the range of float64: log10_norm = -2000 is a result.

    Attributes:
        log10_norm: (K,) log10 ‖G_k‖_F; -inf for zero.
        share: (K,) signed share ⟨G_k, dW_R⟩ / ‖dW_R‖²; all lags together give 1. NaN if dW_R is 0.
        log10_signal: (K,) log10 of the error signal at lag k, RMS over the loss steps that reach
            that far back and over sequences of ‖D_k[t]‖.
        log10_signal_by_step: (T, K) the same for each loss step t; -inf where there is none.
        weight_gain: (K-1,) ln of what W_R does to the signal in the step from lag k to k+1.
        activation_gain: (K-1,) ln of what φ′ does to it in the same step.
        dW_R: (H, H) the whole gradient, by an ordinary backward pass.
        log10_whole: log10 ‖dW_R‖_F, known also where dW_R itself overflows.
        matrices: (K, H, H) every G_k, or None if they were not kept.
        residual: ‖Σ_k G_k - dW_R‖ / ‖dW_R‖, with what was left out counted in.
        rest: ‖sum of the lags left out‖ / Σ_k ‖G_k‖; 0 where none was.
        overflow_lag: the first lag whose G_k the type cannot hold, or None.
    """

    log10_norm: Array
    share: Array
    log10_signal: Array
    log10_signal_by_step: Array
    weight_gain: Array
    activation_gain: Array
    dW_R: Array
    log10_whole: float
    matrices: Array | None
    residual: float
    rest: float
    overflow_lag: int | None

    @property
    def lags(self) -> Array:
        """0 .. K-1."""
        return np.arange(len(self.log10_norm))

    @property
    def norm(self) -> Array:
        """(K,) ‖G_k‖_F; 0 or infinite where float64 ends, see ``log10_norm``."""
        return _power(self.log10_norm)

    @property
    def signal(self) -> Array:
        """(K,) the error signal's RMS norm; 0 or infinite where float64 ends."""
        return _power(self.log10_signal)

    @property
    def gain(self) -> Array:
        """(K-1,) weight gain + activation gain: ln of the growth of the signal, step by step."""
        return self.weight_gain + self.activation_gain

    @cached_property
    def cumulative(self) -> Array:
        """(K,) the fraction of Σ_k ‖G_k‖ that lags 0..k hold; 1 everywhere if all are zero."""
        peak = self.log10_norm.max()
        if peak == -np.inf:
            return np.ones_like(self.log10_norm)
        running = np.cumsum(10.0 ** (self.log10_norm - peak))
        return np.asarray(running / running[-1])

    @property
    def cancellation(self) -> float:
        """Σ_k ‖G_k‖ / ‖dW_R‖: 1 where the lags pull together, large where they cancel."""
        if self.log10_whole == -np.inf:
            return float("nan")
        return float(_power(self.log10_norm - self.log10_whole).sum())

    def horizon(self, p: float = 0.95) -> int:
        """The smallest lag k such that lags 0..k hold the fraction p of Σ_k ‖G_k‖.

        Of the lags that were computed: where ``rest`` is not small, ask for more of them.

        Raises:
            OptionError: if p is not in (0, 1].
        """
        if not 0 < p <= 1:
            raise OptionError("p", "a fraction in (0, 1]", str(p), "0.95 is the usual choice.")
        reached = self.cumulative >= p * (1 - 1e-12)  # p = 1 must survive the sum's rounding
        return int(np.argmax(reached))

    @property
    def rate(self) -> float:
        """Mean growth of the signal per step back, ln, over the lags up to the horizon.

        NaN if there is no step back, or the signal is zero from the first on.
        """
        gain = self.gain[: max(1, self.horizon())]
        gain = gain[np.isfinite(gain)]
        return float(gain.mean()) if len(gain) else float("nan")

    @property
    def log10_growth(self) -> Array:
        """(K,) log10 of the signal over the signal at lag 0; -inf where there is none."""
        growth = self.log10_signal.copy()  # -inf - -inf would be NaN
        np.subtract(growth, growth[0], where=np.isfinite(growth), out=growth)
        return growth

    def log10_attenuation(self, lag: int) -> float:
        """log10 of the signal at that lag over the signal at lag 0 (Q12).

        Raises:
            OptionError: if the lag was not computed.
        """
        if not 0 <= lag < len(self.log10_signal):
            raise OptionError(
                "lag", f"a lag from 0 to {len(self.log10_signal) - 1}", str(lag),
                "Give longer sequences, or a larger max_lag.",
            )  # fmt: skip
        return float(self.log10_growth[lag])

    def __repr__(self) -> str:
        """The three numbers one looks at first."""
        return (
            f"LagProfile(lags={len(self.lags)}, horizon={self.horizon()}, "
            f"rate={self.rate:+.3f}, residual={self.residual:.1e})"
        )


def _power(log10: Array) -> Array:
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(10.0**log10)
