r"""Why the signal vanishes or explodes, with a number (Q9, Q12).

Plain RNN: each step back multiplies the signal by W_R and by φ′, and the two gains, in ln, add up to what
happened. Most gated cells have a way around W_R, the carry: LSTM f ⊙ dc, GRU z ⊙ dh. Where most of the
signal goes by the carry, its strength decides; else the gains of the way through W_R do.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.cells import Cell
from bptt.diagnosis.activity import Activity
from bptt.diagnosis.verdict import Verdict
from bptt.dynamics import Spectrum
from bptt.gradients.by_lag import LagProfile
from bptt.presentation.formatting import percent

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


def cause_of(
    verdict: Verdict,
    profile: LagProfile,
    needed: int,
    weights: Spectrum,
    activity: Activity,
    cell: Cell,
) -> Cause:
    """The factor that carries most of a verdict.

    Args:
        verdict: on the layer.
        profile: the gradient by lag.
        needed: the lag the verdict is about.
        weights: what W_R alone says.
        activity: where the units work on the data.
        cell: what the layer is made of.
    """
    if verdict == "steady":
        return _steady(profile)
    if needed >= len(profile.log10_signal):
        reach = len(profile.log10_signal) - 1
        return Cause(
            "loss out of reach", float(reach),
            f"No loss step has a past of {needed} steps: the longest that was measured is {reach}.",
        )  # fmt: skip
    upto = needed if verdict == "vanishing" else int(np.argmax(profile.log10_growth))
    gated = len(cell.gates) > 1
    total_w, total_a = _total(profile.weight_gain[:upto]), _total(profile.activation_gain[:upto])
    numbers = (
        f"over lags 0 to {upto} W_R multiplies what passes it by {_times(total_w)}, "
        f"the {'slopes of the gates' if gated else 'activation'} by {_times(total_a)}"
    )
    if verdict == "exploding":
        if total_a > total_w:
            return Cause("activation slope", total_a / upto, f"φ′ above one: {numbers}.")
        radius = weights.radius * activity.mean_slope
        if not gated and radius < 1:
            return Cause(
                "non-normal transient", weights.peak,
                f"‖W_R^k‖ peaks at {weights.peak:.3g} (k = {weights.peak_power}) although spectral "
                f"radius · mean slope = {radius:.2f} < 1: {numbers}.",
            )  # fmt: skip
        return Cause("weights", total_w / upto, f"W_R grows the signal: {numbers}.")
    if profile.log10_signal[needed] == -np.inf:
        return _ended(profile, activity.saturated)
    by_carry = _by_carry(profile, upto)
    if by_carry is not None:
        return by_carry
    if total_w < total_a:
        return Cause("weights", total_w / upto, f"W_R shrinks the signal: {numbers}.")
    if gated:
        return _shut(profile, upto, activity.saturated, numbers)
    # What even the steepest slope would do, lag after lag; the rest is where the units work.
    if upto * np.log(activity.steepest) < 0.5 * total_a:
        return Cause(
            "activation slope", activity.steepest,
            f"φ′ of this activation is at most {activity.steepest:.2g}: {numbers}.",
        )  # fmt: skip
    return Cause(
        "saturation", activity.mean_slope,
        f"Units work where φ′ is small, {activity.mean_slope:.2f} in the mean and below 0.1 of the "
        f"steepest slope for {percent(activity.saturated)} of them: {numbers}.",
    )  # fmt: skip


def _steady(profile: LagProfile) -> Cause:
    if profile.cancellation > MUCH_CANCELLATION:
        number = profile.cancellation
        return Cause(
            "cancellation", number,
            f"The lags pull against each other: their norms sum to {number:.0f} times the norm "
            "of the gradient.",
        )  # fmt: skip
    return Cause("none", 0.0, "Neither factor takes the signal below 1/100 or above 100.")


def _ended(profile: LagProfile, saturated: float) -> Cause:
    """The signal is exactly zero from some lag on: which factor made it so."""
    lag = int(np.argmax(profile.log10_signal == -np.inf))
    if lag and profile.weight_gain[lag - 1] == -np.inf:
        return Cause("weights", -np.inf, f"W_R is zero for all that is left at lag {lag}.")
    return Cause("saturation", saturated, f"At lag {lag} no unit passes any signal on.")


def _shut(profile: LagProfile, upto: int, saturated: float, numbers: str) -> Cause:
    """The gates let too little through to W_R."""
    if saturated >= 0.1:
        return Cause(
            "saturation", saturated, f"{percent(saturated)} of the gates are saturated: {numbers}."
        )
    if profile.carry_gain is None:
        return Cause("gates closed", float("nan"), f"The gates let little through: {numbers}.")
    strength = float(np.exp(_total(profile.carry_gain[:upto]) / upto))
    return Cause(
        "gates closed", strength,
        f"The gates let little through: {numbers}, and the carry passes on only {strength:.2f} per step.",
    )  # fmt: skip


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
        f"{percent(float(np.nanmean(share)))} of the signal goes by the carry, which passes on {strength:.2f} of "
        f"it per step: {_times(_total(gain))} over lags 0 to {upto}.",
    )  # fmt: skip


def _total(gains: Array) -> float:
    return float(gains[np.isfinite(gains)].sum())


def _times(ln: float) -> str:
    """e^ln in digits that a person reads: 0.0021, 35, 1e-40."""
    log10 = ln / LN10
    return f"{10**log10:.2g}" if abs(log10) < 300 else f"1e{log10:+.0f}"
