"""What a chart shows in this report, in a sentence or two with its numbers: also for who cannot see it."""

import numpy as np

from bptt.diagnosis import RecurrenceDiagnosis
from bptt.dynamics import Exponents, MemoryFunction
from bptt.gradients.by_lag import StateProfile
from bptt.gradients.by_lag.profile import BETWEEN, CARRY, REST, SLOPE, SLOPES, TOGETHER, Profile
from bptt.gradients.by_step import StepProfile
from bptt.presentation.formatting import (
    counted,
    percent,
    power_of_ten,
    two_decimals,
    with_error,
)
from bptt.report.charts.by_lag import Stages
from bptt.report.charts.memory import Memories
from bptt.report.sentences import beside_chance, gain_factor, shortest_truncation

PLAINLY = {
    SLOPE: "the slope φ′", SLOPES: "the slopes of the gates", BETWEEN: "what lies between the steps",
    REST: "the rest of the step",
}  # fmt: skip
HALF = 0.5  # of the input: below it more is forgotten than remembered


def by_lag(stages: Stages) -> str:
    """How far the gradient reaches as against what is needed, and how it falls."""
    now = stages[-1][1]
    sizes, lag = now.profile.log10_norm, now.needed_lag
    first = now.profile.first_lag
    held = f"95 % of the gradient comes from {_lags(now.horizon, first)}"
    if len(stages) > 1:
        before = stages[0][1]
        held += f", {stages[0][0]} from {_lags(before.horizon, before.profile.first_lag)}"
    if lag >= len(sizes):
        return f"{held}. Lag {lag}, which is needed, has no part at all."
    ends = [power_of_ten(sizes[k]) for k in (first, lag)]
    return (
        f"{held}. The size of its part, ‖G_k‖, is {ends[0]} at lag {first} and {ends[1]} at lag {lag}, which is "
        "needed."
    )


def remembered(memories: Memories, needed: int) -> str:
    """How far back the inputs can be read off the state."""
    text = "; ".join(
        f"{'' if len(memories) == 1 else stage + ': '}{_forgotten(memory, needed)}"
        for stage, memory in memories
        if memory is not None
    )
    return text[0].upper() + text[1:] + "."


def _forgotten(memory: MemoryFunction, needed: int) -> str:
    r2 = np.nan_to_num(memory.r2)
    below = np.flatnonzero(r2 < HALF)
    if not len(below):
        words = f"R² stays above {HALF} up to lag {len(r2) - 1}"
    elif below[0] == 0:
        words = f"R² is below {HALF} from lag 0 on"
    else:
        words = f"R² falls below {HALF} at lag {below[0]}"
    if needed < len(r2) and np.isfinite(memory.r2[needed]):
        words += f" and is {beside_chance(memory, needed)} at lag {needed}"
    return words


def shares(stages: Stages) -> str:
    """Which lag makes up most, and how much pulls the other way."""
    now = stages[-1][1].profile
    largest = int(np.nanargmax(now.share))
    against = float(now.share[now.share < 0].sum())
    half = int(np.argmax(now.cumulative >= HALF))
    most = (
        f"Lag {largest} makes up most, {percent(now.share[largest])} of the gradient; "
        f"half of Σ‖G_k‖ lies at {_lags(half, now.first_lag)}."
    )
    return f"{most} Shares below zero sum to {percent(against)}." if against < -0.005 else most


def gains(layer: RecurrenceDiagnosis) -> str:
    """What each factor does per step, averaged up to the horizon."""
    profile = layer.profile
    by = {name: gain_factor(gain[profile.up_to_horizon]) for name, gain in profile.factors.items()}
    both = by.pop(TOGETHER)
    by.pop(CARRY, None)
    if not by:
        return f"Per step back, averaged up to the horizon, the signal is multiplied by {both}."
    if profile.carry_gain is not None:
        whole = "the whole step, with the carry, multiplies it"
    else:
        whole = "both together" if len(by) == 2 else "all together"
    first, *others = (f"{PLAINLY.get(name, name)} {{}} {by[name]}" for name in by)
    parts = [first.format("multiplies the signal by"), *(other.format("by") for other in others)]
    return f"Per step back, averaged up to the horizon, {', '.join(parts)}; {whole} by {both}."


def parameters(profile: StateProfile) -> str:
    """Whose gradient reaches farthest, and whose least far."""
    horizons = {name: lags.horizon() for name, lags in profile.parameters.items()}
    known = {name: lag for name, lag in horizons.items() if lag is not None}
    if not known:
        return "No parameter has a gradient."
    far, near = max(known, key=lambda n: known[n]), min(known, key=lambda n: known[n])
    reach = f"The gradient of {far} reaches farthest: 95 % of it comes from {_lags(known[far])}"
    return f"{reach}; of {near} from {_lags(known[near])}."


def carry(layer: RecurrenceDiagnosis) -> str:
    """How strong the carry is and how much goes that way."""
    if layer.carry_strength is None or layer.carry_share is None:
        return "No signal goes as far as a step back."
    return (
        f"Averaged up to lag {max(layer.profile.first_lag + 1, layer.needed_lag)}, the carry passes on {two_decimals(layer.carry_strength)} "
        f"of the error per step, and {percent(layer.carry_share)} of the signal goes that way."
    )


def loss_steps(profile: Profile) -> str:
    """How far the signal of the loss step with the longest past falls."""
    signal = profile.log10_signal_by_step
    if signal is None:
        return ""
    finite = np.isfinite(signal)
    t = int(np.argmax(finite.sum(1)))
    last = int(np.flatnonzero(finite[t])[-1])
    count = int(finite.any(1).sum())
    taken = f"The loss is taken at {counted(count, 'step')}"
    return (
        f"{taken}. From step {t}, which has the longest past, the signal goes "
        f"from {power_of_ten(signal[t, finite[t].argmax()])} to {power_of_ten(signal[t, last])} at lag {last}."
    )


def errors(by_step: StepProfile) -> str:
    """Where the states' gradient is largest and smallest."""
    total = np.where(np.isfinite(by_step.total) & (by_step.total > 0), by_step.total, np.nan)
    above = int((np.asarray(by_step.immediate) > 0).sum())
    immediate = f"The immediate gradient is above zero at {above} of {len(total)} steps."
    if np.isnan(total).all():
        return immediate
    most, least = int(np.nanargmax(total)), int(np.nanargmin(total))
    sizes = [power_of_ten(float(np.log10(total[s]))) for s in (most, least)]
    return f"{immediate} The total one is largest at step {most}, {sizes[0]}, and smallest at step {least}, {sizes[1]}."


def truncation(profile: Profile, truncated_at: int | None) -> str:
    """The K that a bias of 5 % takes, and what the user's K costs."""
    sliding, chunked = (shortest_truncation(profile, way) for way in (False, True))
    needed = f"For a bias of 5 % the window must be {sliding} steps long, chunks {chunked}."
    if truncated_at is None or (profile.rest and truncated_at > len(profile.lags)):
        return needed
    biases = [percent(profile.truncation(truncated_at, way).relative_bias) for way in (False, True)]
    return f"{needed} Your K = {truncated_at} is off by {biases[0]} with a window, by {biases[1]} in chunks."


def exponents(measured: Exponents | None) -> str:
    """The largest exponent and what it says."""
    if measured is None:
        return ""
    value, error = float(measured.exponents[0]), float(measured.stderr[0])
    if not value < -2 * error and not value > 2 * error:
        way = "it cannot be told from zero: nearby states neither part nor come together"
    else:
        way = "nearby states part" if value > 0 else "nearby states come together"
    return f"The largest of {len(measured.exponents)} is {with_error(value, error)}: {way}."


def _lags(last: int | None, first: int = 0) -> str:
    if last is None:
        return "nowhere, it is exactly zero"
    return f"lag {first}" if last == first else f"lags {first} to {last}"
