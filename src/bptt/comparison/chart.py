"""A comparison as an Altair chart: a curve and a band for every group, on the same axes."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from bptt.presentation.chart_style import POWERS, data, lag_axis, lines, sized, told_apart
from bptt.presentation.series import COLOURS, DASHES, Series

DRAWN = 400  # points of a curve


def chart(series: Sequence[Series], up: str, note: str, *, powers: bool) -> Any:
    """Curves and bands.

    Args:
        series: a curve by lag for every group.
        up: title of the vertical axis.
        note: what curve and band are, above the legend.
        powers: whether the values are log10.
    """
    styles = {
        each.name: (COLOURS[number], list(DASHES[number])) for number, each in enumerate(series)
    }
    rows = [row for each in series for row in _rows(each)]
    labels: dict[str, Any] = {"axis": alt.Axis(labelExpr=POWERS, tickMinStep=1)} if powers else {}
    across = lag_axis("lag k (steps back from the loss)")
    scale = alt.Scale(zero=False)
    tooltip = [
        alt.Tooltip("of:N", title="group"), "lag:Q", alt.Tooltip("value:Q", title="middle"), "low:Q", "high:Q",
    ]  # fmt: skip
    title = note or None
    bands = (
        alt.Chart(data([row for row in rows if "low" in row]))
        .mark_area(opacity=0.22)
        .encode(
            x=across, y=alt.Y("low:Q", title=up, scale=scale, **labels), y2="high:Q",
            color=told_apart(styles, title=title)["color"],
        )
    )  # fmt: skip
    few = max((len(each.x) for each in series), default=0) < 24
    curves = lines(
        data(rows), across, alt.Y("value:Q", title=up, scale=scale, **labels), styles, tooltip, points=few, title=title,
    )  # fmt: skip
    return sized(bands + curves)


def _rows(each: Series) -> list[dict[str, Any]]:
    """Its points, thinned; what is not finite is left out."""
    stride = -(-len(each.x) // DRAWN) or 1
    rows = []
    for k in range(0, len(each.x), stride):
        row: dict[str, Any] = {"lag": int(each.x[k]), "value": float(each.y[k]), "of": each.name}
        if not np.isfinite(row["value"]):
            continue
        if each.low is not None and each.high is not None:
            ends = {"low": float(each.low[k]), "high": float(each.high[k])}
            row |= {k: float(f"{v:.5g}") for k, v in ends.items() if np.isfinite(v)}
        rows.append(row | {"value": float(f"{row['value']:.5g}")})
    return rows
