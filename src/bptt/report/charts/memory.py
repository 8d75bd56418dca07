"""Picture of what the state remembers of the inputs."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from bptt.dynamics import MemoryFunction
from bptt.report.charts.base import BLUE, FLUSH, GREY, ORANGE, data, sized, thinned

Memories = Sequence[tuple[str, MemoryFunction | None]]


def remembered(memories: Memories, needed: int) -> Any:
    """R² of the input of lag k, read off the state, against k; a line per stage, the needed lag marked."""
    names = [stage for stage, _ in memories]
    rows = [
        {"lag": k, "r2": round(max(0.0, v), 4), "stage": stage}
        for stage, memory in memories
        if memory is not None
        for k, v in thinned(memory.r2)
        if np.isfinite(v)
    ]
    if not rows:
        return None
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=14))
        .encode(
            x=alt.X("lag:Q", title="lag k (steps back from the state)", scale=FLUSH, axis=alt.Axis(tickMinStep=1, tickCount=10)),
            y=alt.Y("r2:Q", title="R²", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "stage:N", title=None, scale=alt.Scale(domain=names, range=[GREY, BLUE][-len(names) :]),
                legend=alt.Legend(orient="top") if len(names) > 1 else None,
            ),
            tooltip=["stage:N", "lag:Q", alt.Tooltip("r2:Q", title="R²", format=".2f")],
        )
    )  # fmt: skip
    rule = (
        alt.Chart(data([{"lag": needed, "mark": f"needed lag {needed}"}]))
        .mark_rule(color=ORANGE)
        .encode(
            x="lag:Q",
            strokeDash=alt.StrokeDash(
                "mark:N", title=None, scale=alt.Scale(range=[[2, 3]]),
                legend=alt.Legend(orient="top", symbolStrokeColor=ORANGE),
            ),
            tooltip=["mark:N"],
        )
    )  # fmt: skip
    return sized(lines + rule, "Line chart: R² of the input, read off the state, by lag.")
