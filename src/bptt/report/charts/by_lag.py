"""The chart of the gradient by lag; the live page draws it too, beside other curves."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from bptt.diagnosis import RecurrenceDiagnosis
from bptt.presentation.chart_style import (
    POWERS,
    Source,
    Styles,
    curve_rows,
    inside,
    lag_axis,
    lines,
    mark_rows,
    marked,
    short,
    sized,
    stage_styles,
)

Stages = Sequence[tuple[str, RecurrenceDiagnosis]]


def by_lag(stages: Stages) -> Any:
    """log10 ‖G_k‖ against k, a line per stage, with the horizon and the needed lag."""
    rows = [
        row
        for stage, layer in stages
        for row in curve_rows(stage, layer.profile.log10_norm, digits=3)
    ]
    if not rows:
        return None
    now = stages[-1][1]
    marks = {f"needed lag {now.needed_lag}": now.needed_lag}
    if now.horizon is not None:
        marks = {f"horizon {now.horizon}": now.horizon, **marks}
    source = inside({"lines": rows, "marks": mark_rows("lag", marks)})
    curves = lag_curves(
        source, stage_styles([stage for stage, _ in stages]), "size of the gradient's part, ‖G_k‖",
        points=short(rows),
    )  # fmt: skip
    return sized(marked(curves, source("marks"), "lag", list(marks)))


def lag_curves(source: Source, styles: Styles, title: str, *, points: bool) -> Any:
    """Curves of powers of ten by lag.

    Args:
        source: of the rows, named "lines"; see ``curve_rows``.
        styles: {curve: (colour, dash)}.
        title: of the upright axis.
        points: whether each point gets a mark.
    """
    return lines(
        source("lines"),
        lag_axis("lag k (steps back from the loss)"),
        alt.Y(
            "value:Q", title=title, scale=alt.Scale(zero=False),
            axis=alt.Axis(labelExpr=POWERS, tickMinStep=1),
        ),
        styles,
        [alt.Tooltip("of:N", title="curve"), "lag:Q", alt.Tooltip("value:Q", title="log10")],
        points=points,
    )  # fmt: skip
