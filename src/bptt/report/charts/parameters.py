"""The chart of the gradient of each parameter of a step by lag."""

from typing import Any

import numpy as np

from bptt.gradients.by_lag import ParameterLags, StateProfile
from bptt.presentation.chart_style import DASHED, SOLID, curve_rows, inside, short, sized
from bptt.presentation.colours import BLUE, GREEN, ORANGE, PURPLE
from bptt.report.charts.by_lag import lag_curves

MOST = 8  # parameters that have a curve: those with the largest gradients
STYLES = [(colour, dash) for dash in (SOLID, DASHED) for colour in (BLUE, ORANGE, GREEN, PURPLE)]


def largest(profile: StateProfile) -> dict[str, ParameterLags]:
    """The parameters with the largest gradients, in their own order."""
    every = profile.parameters
    chosen = sorted(every, key=lambda name: every[name].log10_whole, reverse=True)[:MOST]
    return {name: lags for name, lags in every.items() if name in chosen}


def relative(lags: ParameterLags) -> Any:
    """(K,) log10 ‖G_k‖ / ‖dθ‖; -inf where there is no gradient."""
    if lags.log10_whole == -np.inf:
        return np.full_like(lags.log10_norm, -np.inf)
    return lags.log10_norm - lags.log10_whole


def parameters(profile: StateProfile) -> Any:
    """log10 ‖G_k‖ / ‖dθ‖ against k, a line per parameter."""
    shown = largest(profile)
    rows = [
        row for name, lags in shown.items() for row in curve_rows(name, relative(lags), digits=3)
    ]
    if not rows:
        return None
    styles = dict(zip(shown, STYLES, strict=False))
    source = inside({"lines": rows})
    return sized(
        lag_curves(source, styles, "part of its gradient, ‖G_k‖ / ‖dθ‖", points=short(rows))
    )
