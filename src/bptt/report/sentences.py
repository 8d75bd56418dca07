"""The findings in sentences: the same on the terminal, on the page and on the live page."""

import numpy as np

from bptt.diagnosis import LayerDiagnosis
from bptt.dynamics import MemoryFunction
from bptt.gradients.by_lag import LagProfile
from bptt.presentation.formatting import MISSING, power_of_ten, r_squared

LN10 = float(np.log(10.0))


def headline(layer: LayerDiagnosis) -> str:
    """The finding in two sentences."""
    at = f"at lag {layer.needed_lag}"
    share = power_of_ten(layer.log10_attenuation)
    reach = (
        f"Lags 0 to {layer.horizon} hold 95 % of the gradient of W_R."
        if layer.horizon
        else "Lag 0 alone holds 95 % of the gradient of W_R."
    )
    if layer.log10_attenuation == -np.inf:
        return f"No error signal is left {at}. {reach}"
    if layer.verdict == "exploding":
        growth = layer.profile.log10_growth
        peak = int(np.argmax(growth))
        return (
            f"The error signal grows to {power_of_ten(float(growth[peak]))} times its size at lag 0, at lag "
            f"{peak}. {reach}"
        )
    only = "only " * (layer.verdict == "vanishing")
    return f"The error signal {at} is {only}{share} of what it is at lag 0. {reach}"


def shortest_truncation(profile: LagProfile, chunked: bool) -> str:
    """K for 5 % bias; a dash where there is no gradient."""
    if profile.log10_whole == -np.inf:
        return MISSING
    K = profile.shortest_truncation(0.05, chunked)
    return f"over {len(profile.lags)}" if K is None else str(K)


def remembered_at(memory: MemoryFunction | None, lag: int) -> str:
    """R² of the input of that lag; a dash where it was not measured."""
    return r_squared(memory.r2[lag] if memory is not None and lag < len(memory.r2) else np.nan)


def gain_factor(gains: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> str:
    """What gains, in ln per step, multiply by in the geometric mean."""
    return power_of_ten(mean_gain(gains) / LN10)


def mean_gain(gains: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float:
    """The mean of those that are finite; NaN if none is."""
    finite = gains[np.isfinite(gains)]
    return float(finite.mean()) if len(finite) else float("nan")
