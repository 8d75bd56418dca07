r"""Why the signal vanishes or explodes, with a number (Q9, Q12).

Plain RNN: each step back multiplies the signal by W_R and by φ′, and the two gains, in ln, add up to what
happened. Gated cells have a second way around W_R, the carry: LSTM f ⊙ dc, GRU z ⊙ dh. Where most of the
signal goes by the carry, its strength decides; else the gains of the way through W_R do.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.dynamics import Spectrum
from bptt.gradients.by_lag import LagProfile

MUCH_CANCELLATION = 10.0
LN10 = float(np.log(10.0))


@dataclass(frozen=True)
class Cause:
    """Why, with its number.

    Attributes:
        name: "weights", "saturation", "activation slope", "gates closed", "non-normal transient",
            "cancellation", "loss out of reach" or "none".
        number: the measured quantity behind it.
        sentence: what the number is and says.
    """

    name: str
    number: float
    sentence: str


def cause(
    verdict: str,
    profile: LagProfile,
    needed: int,
    weights: Spectrum,
    steepest: float,
    mean_slope: float,
    saturated: float,
    kind: str,
) -> Cause:
    """The factor that carries most of a verdict.

    Args:
        verdict: "vanishing", "exploding" or "steady".
        profile: the gradient by lag.
        needed: the lag the verdict is about.
        weights: what W_R alone says.
        steepest: γ, largest slope of the activation.
        mean_slope: mean |φ′| on the data.
        saturated: fraction of units (or gates) whose slope is below a tenth of the steepest.
        kind: "rnn", "lstm" or "gru".
    """
    if verdict == "steady":
        if profile.cancellation > MUCH_CANCELLATION:
            number = profile.cancellation
            return Cause(
                "cancellation", number,
                f"The lags pull against each other: their norms sum to {number:.0f} times the norm "
                "of the gradient.",
            )  # fmt: skip
        return Cause("none", 0.0, "Neither factor takes the signal below 1/100 or above 100.")
    if needed >= len(profile.log10_signal):
        reach = len(profile.log10_signal) - 1
        return Cause(
            "loss out of reach", float(reach),
            f"No loss step has a past of {needed} steps: the longest that was measured is {reach}.",
        )  # fmt: skip
    upto = needed if verdict == "vanishing" else int(np.argmax(profile.log10_growth))
    if verdict == "vanishing" and profile.log10_signal[needed] == -np.inf:
        return _ended(profile, needed, saturated)
    w, a = profile.weight_gain[:upto], profile.activation_gain[:upto]
    total_w, total_a = _total(w), _total(a)
    carry = _by_carry(profile, upto)
    if verdict == "vanishing" and carry is not None:
        return carry
    factors = ("W_R", "the activation") if kind == "rnn" else ("W_R", "the slopes of the gates")
    numbers = (
        f"over lags 0 to {upto} {factors[0]} multiplies what passes it by {_times(total_w)}, "
        f"{factors[1]} by {_times(total_a)}"
    )
    if verdict == "exploding":
        return _grown(total_w, total_a, upto, weights, mean_slope, kind, numbers)
    if total_w < total_a:
        return Cause("weights", total_w / upto, f"W_R shrinks the signal: {numbers}.")
    # What even the steepest slope would do, lag after lag; the rest is where the units work.
    if kind == "rnn" and upto * np.log(steepest) < 0.5 * total_a:
        return Cause(
            "activation slope", steepest,
            f"φ′ of this activation is at most {steepest:.2g}: {numbers}.",
        )  # fmt: skip
    if kind == "rnn":
        return Cause(
            "saturation", mean_slope,
            f"Units work where φ′ is small, {mean_slope:.2f} in the mean and below 0.1 of the "
            f"steepest slope for {saturated:.0%} of them: {numbers}.",
        )  # fmt: skip
    if saturated >= 0.1:
        return Cause(
            "saturation", saturated,
            f"{saturated:.0%} of the gates are saturated: {numbers}.",
        )  # fmt: skip
    strength = float("nan")
    if profile.carry_gain is not None:
        strength = float(np.exp(_total(profile.carry_gain[:upto]) / upto))
    return Cause(
        "gates closed", strength,
        f"The gates let little through: {numbers}, and the carry passes on only {strength:.2f} per step.",
    )  # fmt: skip


def _ended(profile: LagProfile, needed: int, saturated: float) -> Cause:
    """The signal is exactly zero from some lag on: which factor made it so."""
    lag = int(np.argmax(profile.log10_signal == -np.inf))
    if lag and profile.weight_gain[lag - 1] == -np.inf:
        return Cause("weights", -np.inf, f"W_R is zero for all that is left at lag {lag}.")
    return Cause("saturation", saturated, f"At lag {lag} no unit passes any signal on.")


def _grown(
    total_w: float,
    total_a: float,
    upto: int,
    weights: Spectrum,
    mean_slope: float,
    kind: str,
    numbers: str,
) -> Cause:
    if total_a > total_w:
        return Cause("activation slope", total_a / upto, f"φ′ above one: {numbers}.")
    if kind == "rnn" and weights.radius * mean_slope < 1:
        return Cause(
            "non-normal transient", weights.peak,
            f"‖W_R^k‖ peaks at {weights.peak:.3g} (k = {weights.peak_power}) although spectral "
            f"radius · mean slope = {weights.radius * mean_slope:.2f} < 1: {numbers}.",
        )  # fmt: skip
    return Cause("weights", total_w / upto, f"W_R grows the signal: {numbers}.")


def _by_carry(profile: LagProfile, upto: int) -> Cause | None:
    """The carry, if most of the signal goes that way."""
    if profile.carry_gain is None or profile.carry_share is None:
        return None
    share, gain = profile.carry_share[:upto], profile.carry_gain[:upto]
    if not len(share) or not np.nanmean(share) >= 0.5:
        return None
    strength = float(np.exp(_total(gain) / upto))
    return Cause(
        "gates closed", strength,
        f"{np.nanmean(share):.0%} of the signal goes by the carry, which passes on {strength:.2f} of "
        f"it per step: {_times(_total(gain))} over lags 0 to {upto}.",
    )  # fmt: skip


def _total(gains: Array) -> float:
    return float(gains[np.isfinite(gains)].sum())


def _times(ln: float) -> str:
    """e^ln in digits that a person reads: 0.0021, 35, 1e-40."""
    log10 = ln / LN10
    return f"{10**log10:.2g}" if abs(log10) < 300 else f"1e{log10:+.0f}"
