"""The chart of the signed shares of dW_R."""

from typing import Any

import altair as alt
import numpy as np

from bptt.presentation.chart_style import HEIGHT, WIDTH, data
from bptt.presentation.colours import BLUE, ORANGE
from bptt.report.charts.by_lag import Stages

MOST = 0.999  # of Σ‖G_k‖, as far as the bars go


def drawn(stages: Stages) -> int:
    """The last lag that has a bar."""
    return max(layer.profile.horizon(MOST) or 0 for _, layer in stages)


def shares(stages: Stages) -> Any:
    """Signed shares as bars, up to the lag that holds 99.9 % of Σ‖G_k‖; one row per stage."""
    names = [stage for stage, _ in stages]
    last = drawn(stages)
    rows = [
        {"lag": k, "share": float(f"{v:.4g}"), "stage": stage}
        for stage, layer in stages
        for k, v in enumerate(layer.profile.share[: last + 1])
        if np.isfinite(v)
    ]
    if not rows:
        return None
    bars = (
        alt.Chart(data(rows))
        .mark_bar(width={"band": 0.8} if last < 200 else 1)
        .encode(
            x=alt.X(
                "lag:O",
                title="lag k",
                axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=last < 60),
            ),
            y=alt.Y(
                "share:Q",
                title=f"share of {stages[-1][1].profile.symbol}",
                axis=alt.Axis(format="%"),
            ),
            color=alt.condition("datum.share < 0", alt.value(ORANGE), alt.value(BLUE)),
            tooltip=["stage:N", "lag:O", alt.Tooltip("share:Q", format=".2%")],
        )
        .properties(width=WIDTH, height=HEIGHT // len(names) - 10 * (len(names) - 1))
    )
    row = alt.Row(
        "stage:N", title=None, sort=names, header=alt.Header(orient="top", labelAnchor="start")
    )
    chart = bars.encode(row=row).resolve_scale(y="independent") if len(names) > 1 else bars
    return chart
