"""Picture of the gradient by lag, beside the products so far of the factors W_R, of the slopes and of the carry."""

from functools import cache
from typing import Any

import numpy as np

from bptt.gradients.by_lag.profile import (
    BETWEEN,
    CARRY,
    LN10,
    REST,
    SLOPE,
    SLOPES,
    TOGETHER,
    W_R,
)
from bptt.lab.measured import Measured
from bptt.lab.pictures.base import Picture, spec_of
from bptt.presentation.chart_style import (
    DASHDOT,
    DASHED,
    DOTTED,
    FEW,
    SOLID,
    Row,
    Rows,
    curve_rows,
    fed,
    mark_rows,
    marked,
    sized,
)
from bptt.presentation.colours import BLUE, GREEN, GREY, ORANGE, PURPLE
from bptt.report.charts.by_lag import lag_curves
from bptt.report.sentences import headline

GRADIENT = "the gradient, ‖G_k‖"
# Of the products of the rows of the strip of factors.
STYLES = {
    W_R: (ORANGE, DASHED), SLOPE: (GREEN, DOTTED), SLOPES: (GREEN, DOTTED), CARRY: (PURPLE, DASHDOT), REST: (GREY, DOTTED),
    BETWEEN: (GREY, DASHED),
}  # fmt: skip
HORIZON, NEEDED = "horizon", "needed lag"


def product_of(factor: str) -> str:
    """The name of the curve of a row of the strip: the product of its factors up to each lag."""
    return f"{factor}, product so far"


@cache
def _spec(factors: tuple[str, ...], points: bool) -> dict[str, Any]:
    styles = {GRADIENT: (BLUE, SOLID), **{product_of(name): STYLES[name] for name in factors}}
    curves = lag_curves(fed, styles, "over its size at lag 0", points=points)
    chart = marked(curves, fed("marks"), "lag", (HORIZON, NEEDED), GREY, direct=True)
    return spec_of(sized(chart))


def _factors(shown: Measured) -> dict[str, Any]:
    return {name: v for name, v in shown.layer.profile.factors.items() if name != TOGETHER}


def _lines(shown: Measured) -> list[Row]:
    profile = shown.layer.profile
    first = profile.log10_norm[0]
    rows = curve_rows(GRADIENT, profile.log10_norm - first) if np.isfinite(first) else []
    for name, gains in _factors(shown).items():
        rows += curve_rows(product_of(name), np.concatenate([[0.0], np.cumsum(gains) / LN10]))
    return rows


def _rows(shown: Measured) -> Rows:
    places = {NEEDED: shown.layer.needed_lag}
    if shown.layer.horizon is not None:
        places = {HORIZON: shown.layer.horizon, **places}
    labels = {name: f"{name} {place}" for name, place in places.items()}
    last = len(shown.layer.profile.log10_norm) - 1
    return {"lines": _lines(shown), "marks": mark_rows("lag", places, labels, last)}


by_lag = Picture(
    "by_lag",
    lambda shown: _spec(tuple(_factors(shown)), len(shown.layer.profile.log10_norm) < FEW),
    _rows,
    lambda shown: "Gradient by lag on a log scale. " + headline(shown.layer),
)
