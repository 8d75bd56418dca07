"""The findings in words and rounded numbers: the same on the terminal and on the page."""

import numpy as np

from bptt.diagnosis import Diagnosis, LayerDiagnosis


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
    times = {
        "vanishing": f"only {share} of",
        "exploding": f"{share} times",
        "steady": f"{share} of",
    }
    return f"The error signal {at} is {times[layer.verdict]} what it is at lag 0. {reach}"


def numbers(diagnosis: Diagnosis, layer: LayerDiagnosis) -> list[tuple[str, str]]:
    """(what, value) pairs; one table row each."""
    profile, weights = layer.profile, layer.spectrum
    part = slice(0, max(1, layer.horizon))
    rows = [
        ("verdict", layer.verdict),
        ("cause", layer.cause.name),
        ("horizon, 95 % of Σ‖G_k‖ (lags)", str(layer.horizon)),
        (f"signal at lag {layer.needed_lag} over lag 0", power_of_ten(layer.log10_attenuation)),
        ("rate of the signal (ln per step)", signed(layer.rate)),
        ("  of it W_R", signed(_mean(profile.weight_gain[part]))),
        ("  of it φ′", signed(_mean(profile.activation_gain[part]))),
        ("spectral radius of W_R", f"{weights.radius:.2f}"),
        ("largest singular value of W_R", f"{weights.sigma_max:.2f}"),
        ("mean φ′", f"{layer.mean_slope:.2f}"),
        ("saturated units", f"{layer.saturated:.0%}"),
        ("cancellation Σ‖G_k‖ / ‖dW_R‖", f"{profile.cancellation:.1f}"),
        ("loss E", f"{diagnosis.E:.3f}"),
        ("residual |Σ G_k - dW_R| / |dW_R|", f"{profile.residual:.0e}"),
    ]
    if profile.overflow_lag is not None:
        rows.append(("gradient overflows at lag", str(profile.overflow_lag)))
    return rows


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


def _mean(gains: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float:
    finite = gains[np.isfinite(gains)]
    return float(finite.mean()) if len(finite) else float("nan")
