r"""The gain of W_R at which the error signal neither shrinks nor grows, found on the data.

a(g) = ln of the signal at the needed lag over the signal at lag 0, with g W_R in the place of W_R. The gain
wanted is the root of a. "Spectral radius 1" is not it: inputs push the units to where φ′ is small, and the
gain is larger (mean field: 1 without inputs, 1.41 at an input variance of 0.1, 1.86 at 1).
"""

from collections.abc import Callable

import numpy as np

from bptt.diagnosis import needed_lags
from bptt.errors import BpttError, OptionError
from bptt.layers import Layer
from bptt.remedies.subject import Subject

GAINS = np.geomspace(1 / 8, 16, 15)  # where a change of sign is looked for
CLOSE = 0.02  # log10: the signal kept to 5 %
HALVINGS = 12


def scaled(layer: Layer, gain: float) -> Layer:
    """The layer with gain · W_R."""
    changed = layer.copy()
    changed.W_R *= changed.dtype.type(gain)
    return changed


def log10_attenuation(subject: Subject, needed: int) -> float:
    """Signal at the needed lag over that at lag 0, of the layer where it is weakest; -inf if none is left.

    Args:
        subject: whose.
        needed: ``subject.needed``, which a copy would have to find out anew.
    """
    signals, traces = subject.signals(needed), subject.traces()
    lags = needed_lags(subject.needed_lag, traces, signals)
    if max(lags) > needed:  # an encoder's lags begin behind its decoder
        signals = subject.signals(max(lags))
    return float(
        min(
            signal.log10_attenuation(lag) if lag < len(signal.log10_signal) else -np.inf
            for signal, lag in zip(signals, lags, strict=True)
        )
    )


def signal_preserving_gain(
    subject: Subject, remedy: str, at: Callable[[float], list[Layer]]
) -> float:
    """The gain at which the signal at the needed lag is that at lag 0, by bisection.

    Args:
        subject: the model on its batch.
        remedy: the remedy's name, for the error.
        at: called with a gain, returns the layers that have it.

    Raises:
        OptionError: if there is none between 1/8 and 16.
    """
    needed = subject.needed

    def a(gain: float) -> float:
        changed = subject.changed(at(gain))
        try:
            return log10_attenuation(changed, needed)
        except BpttError:  # the forward pass overflows at this gain: the signal would have grown
            return np.inf

    low, a_low = GAINS[0], a(GAINS[0])
    for high in GAINS[1:]:
        a_high = a(high)
        if a_low < 0 <= a_high:
            return _bisected(a, float(low), float(high))
        low, a_low = high, a_high
    raise OptionError(
        remedy, "a gain from 1/8 to 16 at which the signal keeps its size",
        f"log10 of it from {a(GAINS[0]):.1f} to {a_low:.1f} at lag {needed}",
        "It does not apply: no scaling of W_R keeps the signal on this batch.",
    )  # fmt: skip


def _bisected(a: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high))
        a_middle = a(middle)
        if abs(a_middle) < CLOSE:
            return middle
        low, high = (middle, high) if a_middle < 0 else (low, middle)
    return float(np.sqrt(low * high))
