"""The numbers of a layer as a table: the same on the terminal and on the page."""

from collections.abc import Sequence
from math import isfinite, isnan

from bptt.diagnosis import Diagnosis, LayerDiagnosis, RecurrenceDiagnosis, StateDiagnosis
from bptt.gradients.by_lag.profile import REST, SLOPE, SLOPES, W_R
from bptt.presentation.formatting import (
    MISSING,
    percent,
    power_of_ten,
    signed,
    two_decimals,
    with_error,
)
from bptt.report.sentences import beside_chance, horizon, mean_gain, shortest_truncation

OVERFLOW, NEVER = "lag at which the gradient overflows", "none"


def table(stages: Sequence[tuple[str, Diagnosis]], name: str) -> list[tuple[str, list[str]]]:
    """(what, its value at each stage) of a layer; no row of an overflow that there never is.

    Args:
        stages: (name, diagnosis) of the same network at different times.
        name: of the layer.
    """
    columns = [numbers(diagnosis, diagnosis.layers[name]) for _, diagnosis in stages]
    rows = [(row[0][0], [value for _, value in row]) for row in zip(*columns, strict=True)]
    return [row for row in rows if row[0] != OVERFLOW or set(row[1]) != {NEVER}]


def numbers(diagnosis: Diagnosis, layer: RecurrenceDiagnosis) -> list[tuple[str, str]]:
    """(what, value) pairs; one table row each."""
    profile, first = layer.profile, layer.profile.first_lag
    errors = layer.sampling_errors
    rows = [
        ("verdict", layer.verdict),
        ("cause", layer.cause.name),
        ("horizon, 95 % of Σ‖G_k‖ (lags)", _with_spread(horizon(layer), errors[0])),
        (
            f"signal at lag {layer.needed_lag} over lag {first}",
            power_of_ten(layer.log10_attenuation) + _factor(errors[1]),
        ),
        ("rate of the signal (ln per step)", signed(layer.rate)),
        *_factors(layer),
        *_between(layer),
        *_own(layer),
        ("K for 5 % bias, sliding window", shortest_truncation(profile, chunked=False)),
        ("K for 5 % bias, chunks", shortest_truncation(profile, chunked=True)),
        ("largest Lyapunov exponent", _exponent(layer)),
        (
            f"input of lag {layer.needed_lag} read off the state (R²)",
            beside_chance(diagnosis.memory, layer.needed_lag),
        ),
        (f"cancellation Σ‖G_k‖ / ‖{profile.symbol}‖", _cancellation(profile.cancellation)),
        ("loss E", f"{diagnosis.E:.3f}"),
        (f"residual |Σ G_k - {profile.symbol}| / |{profile.symbol}|", f"{profile.residual:.0e}"),
    ]
    return [*rows, (OVERFLOW, NEVER if profile.overflow_lag is None else str(profile.overflow_lag))]


def _factors(layer: RecurrenceDiagnosis) -> list[tuple[str, str]]:
    """What each factor of a step does to the signal, where it is known."""
    profile = layer.profile
    ways = {W_R: "from W_R", SLOPE: "from φ′", REST: "from the rest of the step"}
    if SLOPES in profile.factors:
        ways = {W_R: "W_R, of what passes through", SLOPES: "slopes of the gates"}
    return [
        (f"  {said}", signed(mean_gain(profile.factors[name][profile.up_to_horizon])))
        for name, said in ways.items()
        if name in profile.factors
    ]


def _own(layer: RecurrenceDiagnosis) -> list[tuple[str, str]]:
    """What only a recurrence of its kind has."""
    if isinstance(layer, StateDiagnosis):
        return _of_state(layer)
    if not isinstance(layer, LayerDiagnosis):
        return []
    weights, part_of = layer.spectrum, ", candidate" if layer.gated else ""
    return [
        *_cell(layer),
        (f"spectral radius of W_R{part_of}", two_decimals(weights.radius)),
        (f"largest singular value of W_R{part_of}", two_decimals(weights.sigma_max)),
        (f"departure of W_R from normality{part_of}", two_decimals(weights.departure)),
        (f"mean φ′{part_of}", two_decimals(layer.mean_slope)),
        ("saturated gates" if layer.gated else "saturated units", percent(layer.saturated)),
    ]


def _of_state(layer: StateDiagnosis) -> list[tuple[str, str]]:
    """The carry, what else was measured, and the horizon of each parameter."""
    profile = layer.profile
    carry = [] if profile.carry_gain is None else [
        ("carry's strength along the error", two_decimals(layer.carry_strength)),
    ]  # fmt: skip
    facts = [(what, f"{number:.3g}") for what, number in layer.facts.items()]
    several = len(profile.parameters) > 1
    horizons = [
        (f"horizon of {name} (lags)", MISSING if lags.horizon() is None else str(lags.horizon()))
        for name, lags in profile.parameters.items()
        if several
    ]
    return [*carry, *facts, *horizons]


def _with_spread(value: str, error: float) -> str:
    """A number of lags with the standard error by sequence, where sequences were drawn."""
    return value if isnan(error) else f"{value} ± {error:.2g}"


def _factor(error: float) -> str:
    """The standard error of the signal by sequence, a factor; nothing where no sequences were drawn."""
    return "" if isnan(error) else f" ×/÷ {10**error:.3g}"


def _between(layer: RecurrenceDiagnosis) -> list[tuple[str, str]]:
    """What lies between the steps, where something does."""
    gain = layer.profile.between_gain
    if gain is None:
        return []
    return [("  between the steps", signed(mean_gain(gain[layer.profile.up_to_horizon])))]


def _cell(layer: LayerDiagnosis) -> list[tuple[str, str]]:
    """The carry, where there is one."""
    if layer.carry_gate is None:
        return []
    return [
        (f"mean of the {layer.carry}", two_decimals(layer.carry_gate)),
        ("carry's strength along the error", two_decimals(layer.carry_strength)),
        ("signal that goes by the carry", two_decimals(layer.carry_share)),
    ]


def _cancellation(value: float) -> str:
    return MISSING if isnan(value) else f"{value:.1f}"


def _exponent(layer: RecurrenceDiagnosis) -> str:
    if layer.exponents is None:
        return MISSING
    if not isfinite(layer.exponents.exponents[0]):  # no state ever changes another
        return "-∞"
    return with_error(layer.exponents.exponents[0], layer.exponents.stderr[0])
