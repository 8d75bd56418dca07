"""How large the error signal is at each lag, and what is left of it (Q9, Q12)."""

import numpy as np

from bptt.arrays import Array, as_whole


class Signal:
    """The error signal of a layer by lag.

    Attributes:
        log10_signal: (K,) log10 of it at lag k, RMS over the loss steps that reach that far back and over sequences
            of its norm; -inf where there is none.
    """

    log10_signal: Array

    @property
    def lags(self) -> Array:
        """0 .. K-1."""
        return np.arange(len(self.log10_signal))

    @property
    def first_lag(self) -> int:
        """The smallest lag that has a signal; 0 where none has.

        It is above 0 where the loss reaches the layer through another one: an encoder behind a decoder.
        """
        return int(np.argmax(self.log10_signal > -np.inf))

    @property
    def log10_growth(self) -> Array:
        """(K,) log10 of the signal over that at the first lag that has one; -inf where there is none."""
        growth = self.log10_signal.copy()  # -inf - -inf would be NaN
        np.subtract(growth, growth[self.first_lag], where=np.isfinite(growth), out=growth)
        return growth

    def log10_attenuation(self, lag: int) -> float:
        """log10 of the signal at that lag over that at the first lag that has one (Q12).

        Raises:
            OptionError: if the lag was not computed.
        """
        last = len(self.log10_signal) - 1
        lag = as_whole("lag", lag, 0, last, "Pass longer sequences, or a larger max_lag.")
        return float(self.log10_growth[lag])
