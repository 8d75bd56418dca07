"""How large the part of a gradient is that comes from each lag, and up to which lag most of it lies (Q8)."""

from functools import cached_property

import numpy as np

from bptt.arrays import Array, as_number


def cumulative(log10_norm: Array) -> Array:
    """(K,) the fraction of the sum of all sizes that lags 0..k hold; NaN if all are zero.

    Args:
        log10_norm: (K,) log10 of the sizes.
    """
    peak = log10_norm.max()
    if peak == -np.inf:
        return np.full_like(log10_norm, np.nan)
    running = np.cumsum(10.0 ** (log10_norm - peak))
    return np.asarray(running / running[-1])


class Norms:
    """The sizes of the parts of a gradient by lag.

    Attributes:
        log10_norm: (K,) log10 ‖G_k‖_F; -inf for zero.
    """

    log10_norm: Array

    @property
    def norm(self) -> Array:
        """(K,) ‖G_k‖_F; 0 or infinite where float64 ends, see ``log10_norm``."""
        return power(self.log10_norm)

    @cached_property
    def cumulative(self) -> Array:
        """(K,) the fraction of Σ_k ‖G_k‖ that lags 0..k hold; NaN if all are zero."""
        return cumulative(self.log10_norm)

    def horizon(self, p: float = 0.95) -> int | None:
        """The smallest lag k such that lags 0..k hold the fraction p of Σ_k ‖G_k‖.

        Of the lags that were computed: where ``rest`` is not small, ask for more of them. None where the
        gradient is exactly zero at every lag: nothing of it comes from anywhere.

        Raises:
            OptionError: if p is not in (0, 1].
        """
        p = as_number("p", p, "(0, 1]", "0.95 is the usual choice.")
        reached = self.cumulative >= p * (1 - 1e-12)  # p = 1 must survive the sum's rounding
        return int(np.argmax(reached)) if reached.any() else None


def power(log10: Array) -> Array:
    """10^x; 0 or infinite where float64 ends."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(10.0**log10)
