"""The chart of what the state remembers of the inputs."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from bptt.dynamics import MemoryFunction
from bptt.presentation.chart_style import (
    curve_rows,
    data,
    lag_axis,
    lines,
    mark_rows,
    marked,
    short,
    sized,
    stage_styles,
)

Memories = Sequence[tuple[str, MemoryFunction | None]]


def remembered(memories: Memories, needed: int) -> Any:
    """R² of the input of lag k, read off the state, against k; a line per stage, the needed lag marked."""
    rows = [
        row
        for stage, memory in memories
        if memory is not None
        for row in curve_rows(stage, np.maximum(memory.r2, 0))
    ]
    if not rows:
        return None
    curves = lines(
        data(rows),
        lag_axis("lag k (steps back from the state)"),
        alt.Y("value:Q", title="R², part of the input", scale=alt.Scale(domain=[0, 1])),
        stage_styles([stage for stage, _ in memories]),
        [alt.Tooltip("of:N", title="stage"), "lag:Q", alt.Tooltip("value:Q", title="R²", format=".2f")],
        points=short(rows),
    )  # fmt: skip
    name = f"needed lag {needed}"
    return sized(marked(curves, data(mark_rows("lag", {name: needed})), "lag", [name]))
