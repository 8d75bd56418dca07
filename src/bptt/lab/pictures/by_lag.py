"""Picture of the gradient by lag, beside what the weights, the slopes and the carry would do alone."""

from functools import cache
from typing import Any

import numpy as np

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

GRADIENT, WEIGHTS, SLOPES, CARRY = (
    "the gradient, ‖G_k‖", "powers of W_R alone", "powers of φ′ alone", "powers of the carry alone",
)  # fmt: skip
STYLES = {
    GRADIENT: (BLUE, SOLID),
    WEIGHTS: (ORANGE, DASHED),
    SLOPES: (GREEN, DOTTED),
    CARRY: (PURPLE, DASHDOT),
}
HORIZON, NEEDED = "horizon", "needed lag"


@cache
def _spec(gated: bool, points: bool) -> dict[str, Any]:
    styles = {name: style for name, style in STYLES.items() if gated or name != CARRY}
    curves = lag_curves(fed, styles, "over its size at lag 0", points=points)
    chart = marked(curves, fed("marks"), "lag", (HORIZON, NEEDED), GREY, direct=True)
    return spec_of(sized(chart))


def _lines(shown: Measured) -> list[Row]:
    profile = shown.layer.profile
    first = profile.log10_norm[0]
    rows = curve_rows(GRADIENT, profile.log10_norm - first) if np.isfinite(first) else []
    rows += curve_rows(WEIGHTS, shown.weights_alone()) + curve_rows(SLOPES, shown.slopes_alone())
    if profile.carry_gain is not None:
        carried = np.concatenate([[0.0], np.cumsum(profile.carry_gain) / np.log(10)])
        rows += curve_rows(CARRY, carried)
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
    lambda shown: _spec(shown.gated, len(shown.layer.profile.log10_norm) < FEW),
    _rows,
    lambda shown: "Gradient by lag on a log scale. " + headline(shown.layer),
)
