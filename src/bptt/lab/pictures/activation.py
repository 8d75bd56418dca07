"""Picture of the activation: its slope, and where the units work."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.lab.measured import Measured
from bptt.lab.pictures.base import Picture, spec_of
from bptt.presentation.chart_style import (
    DASHED,
    HEIGHT,
    SOLID,
    STROKE,
    WIDTH,
    Rows,
    fed,
    told_apart,
)
from bptt.presentation.colours import BLUE, GREY, ORANGE
from bptt.presentation.formatting import percent, two_decimals

VALUE, SLOPE = "φ(z)", "its slope φ′(z)"
REACH, BINS = 4.0, 64


@cache
def _activation() -> dict[str, Any]:
    x = alt.X(
        "z:Q",
        title="z",
        scale=alt.Scale(domain=[-REACH, REACH], nice=False),
        axis=alt.Axis(labelFlush=False),
    )
    bars = (
        alt.Chart(fed("units"))
        .mark_bar(color=GREY, opacity=0.45)
        .encode(
            x=x,
            x2="next:Q",
            y2=alt.datum(0),
            y=alt.Y("part:Q", title="part of all z", axis=alt.Axis(format="%", grid=False)),
            tooltip=["z:Q", alt.Tooltip("part:Q", format=".1%")],
        )
    )
    lines = (
        alt.Chart(fed("curves"))
        .mark_line(strokeWidth=STROKE)
        .encode(
            x=x, y=alt.Y("value:Q", title="φ and φ′", axis=alt.Axis(grid=True)),
            tooltip=["of:N", "z:Q", "value:Q"],
            **told_apart({VALUE: (BLUE, DASHED), SLOPE: (ORANGE, SOLID)}),
        )
    )  # fmt: skip
    chart = alt.layer(bars, lines).resolve_scale(y="independent")
    return spec_of(chart.properties(width=WIDTH - 40, height=HEIGHT))


def _activation_rows(shown: Measured) -> Rows:
    phi = shown.trace.weights.phi
    z = np.linspace(-REACH, REACH, 161)
    value = phi.value(z)
    curves = [
        {"z": round(float(at), 3), "value": round(float(v), 4), "of": name}
        for name, values in ((VALUE, value), (SLOPE, phi.derivative(z, value)))
        for at, v in zip(z, values, strict=True)
        if abs(v) <= 2  # what a line of slope 1 leaves the picture by
    ]
    # what lies outside is counted in the outermost bars
    inside = np.clip(shown.z, -REACH, np.nextafter(REACH, 0))
    counts, edges = np.histogram(inside, BINS, (-REACH, REACH))
    units = [
        {"z": float(a), "next": float(b), "part": round(float(n / inside.size), 5)}
        for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    return {"curves": curves, "units": units}


def _activation_sentence(shown: Measured) -> str:
    return (
        f"The activation and its slope. Where the units work the slope is {two_decimals(shown.layer.mean_slope)} on average; "
        f"{percent(shown.layer.saturated)} of the {'gates' if shown.gated else 'units'} are saturated."
    )


activation = Picture(
    "activation", lambda shown: _activation(), _activation_rows, _activation_sentence
)
