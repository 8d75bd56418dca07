"""Picture of what the state remembers of the inputs."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from bptt.dynamics import MemoryFunction
from bptt.presentation.chart_style import FLUSH, lines, marked, sized, stage_styles, thinned

Memories = Sequence[tuple[str, MemoryFunction | None]]


def remembered(memories: Memories, needed: int) -> Any:
    """R² of the input of lag k, read off the state, against k; a line per stage, the needed lag marked."""
    rows = [
        {"lag": k, "r2": round(max(0.0, v), 4), "stage": stage}
        for stage, memory in memories
        if memory is not None
        for k, v in thinned(memory.r2)
        if np.isfinite(v)
    ]
    if not rows:
        return None
    curves = lines(
        rows,
        alt.X(
            "lag:Q", title="lag k (steps back from the state)", scale=FLUSH,
            axis=alt.Axis(tickMinStep=1, tickCount=10),
        ),
        alt.Y("r2:Q", title="R², part of the input", scale=alt.Scale(domain=[0, 1])),
        "stage",
        stage_styles([stage for stage, _ in memories]),
        ["stage:N", "lag:Q", alt.Tooltip("r2:Q", title="R²", format=".2f")],
    )  # fmt: skip
    return sized(marked(curves, "lag", {f"needed lag {needed}": needed}))
