"""The chart of what the state remembers of the inputs."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from bptt.dynamics import MemoryFunction
from bptt.presentation.chart_style import (
    DOTTED,
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
from bptt.presentation.colours import GREY

BY_CHANCE = "by chance"
Memories = Sequence[tuple[str, MemoryFunction | None]]


def remembered(memories: Memories, needed: int) -> Any:
    """R² of the input of lag k, read off the state, against k; a line per stage and one by chance, the needed lag marked."""
    rows = [
        row
        for stage, memory in memories
        if memory is not None
        for row in curve_rows(stage, np.maximum(memory.r2, 0))
    ]
    if not rows:
        return None
    styles, now = dict(stage_styles([stage for stage, _ in memories])), memories[-1][1]
    if now is not None and (chance := curve_rows(BY_CHANCE, np.maximum(now.chance, 0))):
        rows += chance
        styles |= {BY_CHANCE: (GREY, DOTTED)}
    curves = lines(
        data(rows),
        lag_axis("lag k (steps back from the state)"),
        alt.Y("value:Q", title="R², part of the input", scale=alt.Scale(domain=[0, 1])),
        styles,
        [alt.Tooltip("of:N", title="stage"), "lag:Q", alt.Tooltip("value:Q", title="R²", format=".2f")],
        points=short(rows),
    )  # fmt: skip
    name = f"needed lag {needed}"
    return sized(marked(curves, data(mark_rows("lag", {name: needed})), "lag", [name]))
