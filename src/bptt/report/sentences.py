"""The findings in words and rounded numbers: the same on the terminal and on the page."""

import numpy as np

from bptt.diagnosis import Diagnosis, LayerDiagnosis
from bptt.dynamics import MemoryFunction
from bptt.gradients.by_lag import LagProfile

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


def numbers(diagnosis: Diagnosis, layer: LayerDiagnosis) -> list[tuple[str, str]]:
    """(what, value) pairs; one table row each."""
    profile, weights = layer.profile, layer.spectrum
    ways = ("of it W_R", "of it φ′")
    if layer.kind != "rnn":
        ways = ("W_R, of what passes it", "slopes of the gates")
    part_of = "" if layer.kind == "rnn" else ", candidate"
    part = slice(0, max(1, layer.horizon))
    rows = [
        ("verdict", layer.verdict),
        ("cause", layer.cause.name),
        ("horizon, 95 % of Σ‖G_k‖ (lags)", str(layer.horizon)),
        (f"signal at lag {layer.needed_lag} over lag 0", power_of_ten(layer.log10_attenuation)),
        ("rate of the signal (ln per step)", signed(layer.rate)),
        (f"  {ways[0]}", signed(_mean(profile.weight_gain[part]))),
        (f"  {ways[1]}", signed(_mean(profile.activation_gain[part]))),
        *_cell(layer),
        (f"spectral radius of W_R{part_of}", f"{weights.radius:.2f}"),
        (f"largest singular value of W_R{part_of}", f"{weights.sigma_max:.2f}"),
        (f"mean φ′{part_of}", f"{layer.mean_slope:.2f}"),
        ("saturated units" if layer.kind == "rnn" else "saturated gates", f"{layer.saturated:.0%}"),
        ("K for 5 % bias, sliding window", shortest_truncation(profile, chunked=False)),
        ("K for 5 % bias, chunks", shortest_truncation(profile, chunked=True)),
        ("largest Lyapunov exponent", _exponent(layer)),
        (
            f"input of lag {layer.needed_lag} read off the state (R²)",
            r_squared(diagnosis.memory, layer.needed_lag),
        ),
        ("cancellation Σ‖G_k‖ / ‖dW_R‖", f"{profile.cancellation:.1f}"),
        ("loss E", f"{diagnosis.E:.3f}"),
        ("residual |Σ G_k - dW_R| / |dW_R|", f"{profile.residual:.0e}"),
    ]
    overflow = "none" if profile.overflow_lag is None else str(profile.overflow_lag)
    return [*rows, ("lag at which the gradient overflows", overflow)]


def _cell(layer: LayerDiagnosis) -> list[tuple[str, str]]:
    """The carry, where there is one."""
    if layer.carry_gate is None:
        return []
    gate = "forget gate f" if layer.kind == "lstm" else "update gate z"
    return [
        (f"mean of the {gate}", f"{layer.carry_gate:.2f}"),
        ("carry's strength along the error", _number(layer.carry_strength)),
        ("signal that goes by the carry", _number(layer.carry_share)),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def shortest_truncation(profile: LagProfile, chunked: bool) -> str:
    """K for 5 % bias; a dash where there is no gradient."""
    if profile.log10_whole == -np.inf:
        return "-"
    K = profile.shortest_truncation(0.05, chunked)
    return f"over {len(profile.lags)}" if K is None else str(K)


def _exponent(layer: LayerDiagnosis) -> str:
    found = layer.exponents
    if found is None:
        return "-"
    return f"{found.exponents[0]:+.2f} ± {found.stderr[0]:.2f}"


def r_squared(memory: MemoryFunction | None, lag: int) -> str:
    """Two decimals, below 0 as 0; a dash where it was not measured."""
    if memory is None or lag >= len(memory.r2) or np.isnan(memory.r2[lag]):
        return "-"
    return f"{max(0.0, float(memory.r2[lag])):.2f}"


def power_of_ten(log10: float) -> str:
    """10^log10 in digits a person reads: 0.34, 2.5e-07, 1e-903."""
    if log10 == -np.inf:
        return "0"
    if -3 <= log10 < 4:
        return f"{10**log10:.2g}"
    if not np.isfinite(log10):
        return "-" if np.isnan(log10) else "∞"
    exponent = int(np.floor(log10))
    mantissa = f"{10 ** (log10 - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}e{exponent:+03d}"


def signed(value: float) -> str:
    """Two decimals and a sign; a dash for NaN."""
    return "-" if np.isnan(value) else f"{value:+.2f}"


def gain_factor(gains: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> str:
    """What gains, in ln per step, multiply by in the geometric mean."""
    return power_of_ten(_mean(gains) / LN10)


def _mean(gains: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float:
    finite = gains[np.isfinite(gains)]
    return float(finite.mean()) if len(finite) else float("nan")
