"""A cause, and the causes that need no knowledge of what the step is made of."""

from dataclasses import dataclass

import numpy as np

from bptt.diagnosis.along import Along
from bptt.gradients.by_lag import LagProfile, Profile

MUCH_CANCELLATION = 10.0
LN10 = float(np.log(10.0))
BULK = 0.5  # of a growth, in ln, that one factor must explain to be its cause


@dataclass(frozen=True)
class Cause:
    """Why, with its number.

    Attributes:
        name: "weights", "saturation", "inputs too large", "activation slope", "gates closed", "non-normal transient",
            "between the steps", "layers above", "state not passed on", "cancellation", "loss out of reach" or "none"; of a
            recurrence that is known by its step alone "step" too; of a linear one "decays", "steps too large",
            "state overwritten" or "grows".
        number: the measured quantity behind it.
        sentence: what the number is and says.
    """

    name: str
    number: float
    sentence: str


def cause_of_none(along: Along) -> Cause | None:
    """Why nothing is wrong, or nothing can be: a steady signal, or a lag that no loss step has behind it."""
    if along.verdict == "steady":
        return _steady(along.profile)
    known = len(along.profile.log10_signal)
    if along.verdict == "vanishing" and along.needed >= known:
        return Cause(
            "loss out of reach", float(known - 1),
            f"No loss step has a past of {along.needed} steps: the longest that was measured is {known - 1}.",
        )  # fmt: skip
    return None


def cause_between(along: Along, within: str) -> Cause | None:
    """What lies between the steps, if it explains the bulk of what became of the signal.

    Args:
        along: what was measured.
        within: what the steps themselves do, as the end of a sentence.
    """
    total = LN10 * float(along.profile.log10_growth[along.last])
    by_between = along.by_between
    if not total or not by_between / total >= BULK:
        return None
    per_step = float(np.exp(by_between / along.steps))
    return Cause(
        "between the steps", per_step,
        f"What the model does between the steps multiplies the signal by {times(by_between)} over lags "
        f"{along.first} to {along.last}, by {per_step:.2f} per step; within the steps, {within}.",
    )  # fmt: skip


def _steady(profile: Profile) -> Cause:
    if profile.cancellation > MUCH_CANCELLATION:
        number = profile.cancellation
        return Cause(
            "cancellation", number,
            f"The lags pull against each other: their norms sum to {number:.0f} times the norm "
            "of the gradient.",
        )  # fmt: skip
    who = "Neither factor" if isinstance(profile, LagProfile) else "Nothing in the step"
    return Cause("none", 0.0, f"{who} takes the signal below 1/100 or above 100.")


def capital(sentence: str) -> str:
    """The sentence with a capital letter."""
    return sentence[0].upper() + sentence[1:]


def times(ln: float) -> str:
    """e^ln in digits that a person reads: 0.0021, 35, 1e-40."""
    log10 = ln / LN10
    return f"{10**log10:.2g}" if abs(log10) < 300 else f"1e{log10:+.0f}"
