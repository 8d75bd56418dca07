"""The findings in sentences: the same on the terminal, on the page and on the live page."""

import numpy as np

from bptt.diagnosis import RecurrenceDiagnosis
from bptt.dynamics import MemoryFunction
from bptt.gradients.by_lag import Profile
from bptt.presentation.formatting import MISSING, power_of_ten, r_squared

LN10 = float(np.log(10.0))
CHANCE = 0.05  # R² below it is next to nothing


def headline(layer: RecurrenceDiagnosis) -> str:
    """The finding in two sentences."""
    at = f"at lag {layer.needed_lag}"
    share = power_of_ten(layer.log10_attenuation)
    first, reach = layer.profile.first_lag, _reach(layer)
    if layer.log10_attenuation == -np.inf:
        return f"No error signal is left {at}. {reach}"
    if layer.verdict == "exploding":
        growth = layer.profile.log10_growth
        peak = int(np.argmax(growth))
        return (
            f"The error signal grows to {power_of_ten(float(growth[peak]))} times its size at lag {first}, at lag "
            f"{peak}. {reach}"
        )
    only = "only " * (layer.verdict == "vanishing")
    return f"The error signal {at} is {only}{share} of what it is at lag {first}. {reach}"


def _reach(layer: RecurrenceDiagnosis) -> str:
    first, last = layer.profile.first_lag, layer.horizon
    if last is None:
        return f"The gradient of {layer.profile.of} is exactly zero."
    if last == first:
        return f"Lag {first} alone holds 95 % of the gradient of {layer.profile.of}."
    return f"Lags {first} to {last} hold 95 % of the gradient of {layer.profile.of}."


def horizon(layer: RecurrenceDiagnosis) -> str:
    """Its horizon, in lags; "none" where the gradient is exactly zero."""
    return "none" if layer.horizon is None else str(layer.horizon)


def shortest_truncation(profile: Profile, chunked: bool) -> str:
    """K for 5 % bias; a dash where there is no gradient."""
    if profile.log10_whole == -np.inf:
        return MISSING
    K = profile.shortest_truncation(0.05, chunked)
    return f"over {len(profile.lags)}" if K is None else str(K)


def remembered_at(memory: MemoryFunction | None, lag: int) -> str:
    """R² of the input of that lag; a dash where it was not measured."""
    return r_squared(memory.r2[lag] if memory is not None and lag < len(memory.r2) else np.nan)


def beside_chance(memory: MemoryFunction | None, lag: int) -> str:
    """The same, with what comes out by chance where that is not next to nothing."""
    told = memory is not None and lag < len(memory.r2) and memory.chance[lag] >= CHANCE
    by_chance = (
        f" ({r_squared(memory.chance[lag])} by chance)" if memory is not None and told else ""
    )
    return remembered_at(memory, lag) + by_chance


def gain_factor(gains: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> str:
    """What gains, in ln per step, multiply by in the geometric mean."""
    return power_of_ten(mean_gain(gains) / LN10)


def mean_gain(gains: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float:
    """The mean of those that are finite; NaN if none is."""
    finite = gains[np.isfinite(gains)]
    return float(finite.mean()) if len(finite) else float("nan")
