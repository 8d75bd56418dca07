"""What the pictures of a sweep share: axes, colour scales, the mark of a missing number."""

from typing import Any

import altair as alt
import numpy as np

from bptt.presentation.colours import GREY
from bptt.sweeps.maps.grid import Axis, words

MISSING = "no number"
SIGNED = ("lyapunov", "rate")  # zero is in their middle
CROSS = "M-1,-1L1,1M-1,1L1,-1"
# From the same set as the page's, blue and vermilion, with white between: in small letters, so that the page
# leaves them as they are. A map has the same colours in light and dark, and so have the lines on it.
DIVERGING = ["#004a75", "#0072b2", "#8fc4e3", "#f5f5f2", "#f3b48a", "#d55e00", "#8a3d00"]


def position(k: str, axis: Axis, field: str | None = None) -> Any:
    """The position channel of an axis; it ends where the values do.

    Args:
        k: "x" or "y".
        axis: its values.
        field: column of the chart's data; ``k`` if not given.
    """
    channel = alt.X if k == "x" else alt.Y
    if axis.kind == "named":
        upward = list(axis.values) if k == "x" else list(axis.values)[::-1]
        return channel(
            f"{k}:N", title=words(axis.name), sort=upward, scale=alt.Scale(domain=upward),
            axis=alt.Axis(labelAngle=0),
        )  # fmt: skip
    kind: dict[str, Any] = {"type": "log"} if axis.kind == "log" else {"zero": False}
    scale = alt.Scale(domain=axis.ends(), nice=False, **kind)
    axis_of = alt.Axis(grid=False, labelOverlap=True, tickCount=6)
    return channel(f"{field or k}:Q", title=words(axis.name), scale=scale, axis=axis_of)


def axis_tooltip(k: str, axis: Axis) -> Any:
    """An axis in a tooltip."""
    kind = "N" if axis.kind == "named" else "Q"
    return alt.Tooltip(f"{k}:{kind}", title=words(axis.name))


def colour(measure: str, ends: tuple[float, float]) -> Any:
    """The colour channel of a measure: blue, white and orange around zero, else dark to light."""
    low, high = ends
    ticks: dict[str, Any] = {}
    if measure in SIGNED:
        part = np.linspace(low, high, len(DIVERGING)).round(9).tolist()
        scale = alt.Scale(domain=part, range=DIVERGING, clamp=True, interpolate="lab")
        ticks = {"values": [low, low / 2, 0, high / 2, high]}
    else:
        scale = alt.Scale(domain=[low, high], scheme="viridis", clamp=True, nice=False)
    legend = alt.Legend(
        orient="top",
        direction="horizontal",
        gradientLength=260,
        titleLimit=400,
        format=".3~g",
        **ticks,
    )
    return alt.Color("v:Q", title=words(measure), scale=scale, legend=legend)


def missing_mark() -> Any:
    """The mark of a point without a number, named in a legend."""
    return alt.Shape(
        "mark:N", title=None, scale=alt.Scale(domain=[MISSING], range=[CROSS]),
        legend=alt.Legend(orient="top", symbolStrokeColor=GREY, symbolSize=40, symbolStrokeWidth=1.5),
    )  # fmt: skip


def drawn_value(value: float, ends: tuple[float, float]) -> dict[str, Any]:
    """A value as it is drawn; an infinite one stands at the end of the scale and is written as ∞."""
    if np.isinf(value):
        return {"v": ends[value > 0], "w": "∞" if value > 0 else "−∞"}
    return {"v": float(f"{value:.4g}")}
