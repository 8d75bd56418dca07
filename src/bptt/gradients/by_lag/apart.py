r"""Each sequence of a batch by itself: how far a horizon and a signal would be off with other sequences.

The norm of one sequence's part of a lag needs no matrix where it has few steps:

    ‖Σ_s dz_s ⊗ h_s‖² = Σ_ss′ (dz_s · dz_s′)(h_s · h_s′)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag.scaled import outer_sum
from bptt.gradients.sums import sizes_of_sums

LN10 = float(np.log(10.0))


@dataclass(frozen=True, eq=False)
class BySequence:
    """Lag by lag what each of n sequences has; K lags.

    Attributes:
        log10_norm: (K, n) log10 ‖G_k‖_F of the sequence alone.
        log10_signal: (K, n) log10 of its signal, RMS over its loss steps that reach that far back.
    """

    log10_norm: Array
    log10_signal: Array

    def horizon_error(self, p: float = 0.95) -> float:
        """The standard error of the horizon, in lags, from the spread of the sequences' own; NaN of one sequence."""
        peak = self.log10_norm.max(0)
        own = self.log10_norm[:, peak > -np.inf]
        running = np.cumsum(10.0 ** (own - own.max(0, initial=-np.inf)), axis=0)
        horizons = (running >= p * (1 - 1e-12) * running[-1]).argmax(0)
        return _standard_error(horizons)

    def growth_error(self, lag: int, first: int = 0) -> float:
        """The standard error of log10 of the signal at one lag over that at the first; NaN where it is not known."""
        if lag >= len(self.log10_signal):
            return float("nan")
        growth = self.log10_signal[lag] - self.log10_signal[first]
        return _standard_error(growth[np.isfinite(growth)])


class Apart:
    """Collects them while a layer is walked."""

    def __init__(self) -> None:
        self.norms: list[Array] = []
        self.signals: list[Array] = []

    def add(self, k: int, lag: Any) -> None:
        """Keep one lag, a ``lag.Lag``; before the first that is added there is nothing."""
        assert lag.by_sequence is not None
        nothing = np.full(len(lag.by_sequence), -np.inf)
        for kept in (self.norms, self.signals):
            kept += [nothing] * (k - len(kept))
        counts = np.maximum(1, lag.reach.sum(0))
        signal = lag.signal.log_norms(0) - 0.5 * np.log(counts)
        self.norms.append(lag.by_sequence / LN10)
        self.signals.append(signal / LN10)

    def of(self, lags: int) -> BySequence | None:
        """All that was kept; None where nothing was."""
        if not self.norms:
            return None
        return BySequence(np.array(self.norms[:lags]), np.array(self.signals[:lags]))


def log_norms_apart(dz: Array, e: Array, common: int | None, h_prev: Array) -> Array:
    """(B,) ln of the norm of Σ dz 2^e ⊗ h_prev over the steps of each sequence.

    Args:
        dz: (N, B, G·H) errors.
        e: (N, B) their exponents.
        common: the one that all of them are, or None.
        h_prev: (N, B, H) what the weight multiplied.
    """
    if (
        len(dz) > h_prev.shape[2]
    ):  # then the matrix is cheaper than the products of all pairs of steps
        return np.array(
            [
                outer_sum(
                    np.ascontiguousarray(dz[:, b : b + 1]), e[:, b : b + 1], common,
                    np.ascontiguousarray(h_prev[:, b : b + 1]),
                ).log_norm()
                for b in range(dz.shape[1])
            ]
        )  # fmt: skip
    top = int(e.max())
    own = dz if common is not None else np.ldexp(dz, (e - top)[..., None])
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(sizes_of_sums(own, h_prev)) + top * np.log(2.0))


def _standard_error(values: Array) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")
