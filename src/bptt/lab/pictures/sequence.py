"""Picture of the sequence: how much each of its steps moves W_R."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.lab.measured import Measured
from bptt.lab.pictures.base import Picture, note_rows, spec_of, with_note
from bptt.lab.pictures.by_lag import HORIZON, NEEDED
from bptt.presentation.chart_style import FLUSH, LOW, Rows, fed, mark_rows, marked, sized
from bptt.presentation.colours import BLUE
from bptt.presentation.formatting import counted

LOSS = "loss"


@cache
def _sequence() -> dict[str, Any]:
    axis = alt.Axis(tickMinStep=1, tickCount=10)
    x = alt.X("step:Q", title="step s of the sequence", scale=FLUSH, axis=axis)
    bars = (
        alt.Chart(fed("steps"))
        .mark_bar(color=BLUE)
        .encode(
            x=x,
            x2="next:Q",
            y2=alt.datum(0),
            y=alt.Y("size:Q", title="share of step s", axis=alt.Axis(format="%")),
            tooltip=["step:Q", alt.Tooltip("size:Q", format=".2%")],
        )
    )
    chart = marked(bars, fed("marks"), "step", (LOSS, HORIZON, NEEDED))
    return spec_of(sized(with_note(chart), LOW))


def _sequence_rows(shown: Measured) -> Rows:
    layer = shown.layer
    norm = shown.by_step.norm
    whole = float(norm.sum())
    T = len(norm)
    rows = [
        {"step": s, "next": s + 1, "size": float(f"{v / whole:.4g}")}
        for s, v in enumerate(norm)
        if whole > 0 and np.isfinite(v)
    ]
    last = T - 0.5  # the middle of the bar of the last step
    places, labels = {LOSS: last}, {LOSS: f"the loss, step {T - 1}"}
    for name, lag in ((HORIZON, layer.horizon), (NEEDED, layer.needed_lag)):
        if lag is not None:
            places[name] = last - lag
            labels[name] = f"{name}, {counted(lag, 'step')} back"
    return {
        "steps": rows,
        "marks": mark_rows("step", places, labels),
        **note_rows("The gradient of W_R is zero.", [r for r in rows if r["size"]]),
    }


def _sequence_sentence(shown: Measured) -> str:
    layer, T = shown.layer, len(shown.by_step.norm)
    if layer.horizon is None:
        return f"The sequence, {T} steps. The gradient of W_R is exactly zero; the task needs lag {layer.needed_lag}."
    return (
        f"The sequence, {T} steps. 95 % of the gradient comes from the last {layer.horizon + 1} steps before a loss; "
        f"the task needs {layer.needed_lag}."
    )


sequence = Picture("sequence", lambda shown: _sequence(), _sequence_rows, _sequence_sentence)
