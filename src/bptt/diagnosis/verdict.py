r"""The verdict (Q12): does the gradient vanish, explode or last.

Attenuation at the needed lag K: signal at lag K over the signal at the first lag that has one, lag 0 but for
a layer that the loss reaches through another one's past.

    exploding   the signal grows past 100 times its size at the first lag, at any lag
    vanishing   the attenuation is below 1/100
    steady      neither
"""

from typing import Literal

import numpy as np

from bptt.gradients.by_lag import Profile

Verdict = Literal["steady", "vanishing", "exploding"]

VERDICTS: tuple[Verdict, ...] = ("steady", "vanishing", "exploding")  # the mildest first
# What becomes of the signal on its way back: it shrinks, stays or grows. In this order they are shown.
VERDICT_CODES: dict[Verdict, int] = {"vanishing": -1, "steady": 0, "exploding": 1}

LOG10_VANISHED, LOG10_EXPLODED = -2.0, 2.0


def judged(profile: Profile, needed: int) -> tuple[Verdict, float]:
    """The verdict, and log10 of the signal at the needed lag over that at the first lag."""
    attenuation = (
        profile.log10_attenuation(needed) if needed < len(profile.log10_signal) else -np.inf
    )
    if profile.log10_growth.max() > LOG10_EXPLODED:
        return "exploding", attenuation
    return "vanishing" if attenuation < LOG10_VANISHED else "steady", attenuation


def severity(verdict: Verdict, profile: Profile, log10_attenuation: float) -> tuple[int, float]:
    """The key by which the decisive layer is the largest: exploding first, then by how much.

    Args:
        verdict: on the layer.
        profile: its gradient by lag.
        log10_attenuation: log10 of the signal at the needed lag over that at the first lag.
    """
    grown = float(profile.log10_growth.max())
    return VERDICTS.index(verdict), grown if verdict == "exploding" else abs(log10_attenuation)
