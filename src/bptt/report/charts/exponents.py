"""The chart of the Lyapunov exponents; the live page draws the same."""

from typing import Any

import altair as alt
import numpy as np

from bptt.dynamics import Exponents
from bptt.presentation.chart_style import STROKE, Row, Source, inside, sized
from bptt.presentation.colours import BLUE, GREY

ZERO = [{"at": 0.0}]


def exponents(measured: Exponents | None) -> Any:
    """The leading exponents, largest first, with their standard errors."""
    rows = exponent_rows(measured)
    return exponent_points(inside({"exponents": rows, "zero": ZERO})) if rows else None


def exponent_points(source: Source) -> Any:
    """The chart of ``exponent_rows``, named "exponents", and of ``ZERO``, named "zero"."""
    x = alt.X("i:O", title="exponent, largest first", axis=alt.Axis(labelAngle=0))
    base = alt.Chart(source("exponents"))
    points = base.mark_point(filled=True, size=64, color=BLUE).encode(
        x=x, y=alt.Y("value:Q", title="λ (ln per step)"), tooltip=["i:O", "value:Q"]
    )
    errors = base.mark_rule(color=BLUE).encode(x=x, y="low:Q", y2="high:Q")
    zero = alt.Chart(source("zero")).mark_rule(color=GREY, strokeWidth=STROKE).encode(y="at:Q")
    return sized(zero + errors + points)


def exponent_rows(measured: Exponents | None) -> list[Row]:
    """A row per exponent that is finite."""
    if measured is None:
        return []
    return [
        {
            "i": i,
            "value": round(float(v), 4),
            "low": round(float(v - s), 4),
            "high": round(float(v + s), 4),
        }
        for i, (v, s) in enumerate(zip(measured.exponents, measured.stderr, strict=True), 1)
        if np.isfinite(v) and np.isfinite(s)
    ]
