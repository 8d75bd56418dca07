"""The chart of the gradient of the states, immediate and total, by step."""

from typing import Any

import altair as alt
import numpy as np

from bptt.gradients.by_step import StepProfile
from bptt.presentation.chart_style import DASHED, FLUSH, SOLID, data, lines, short, sized, thinned
from bptt.presentation.colours import BLUE, ORANGE


def errors(by_step: StepProfile) -> Any:
    """RMS norm of the immediate and of the total error of h, by step, log scale."""
    series = {"immediate": by_step.immediate, "total": by_step.total}
    rows = [
        {"step": s, "size": float(f"{v:.4g}"), "of": name}
        for name, values in series.items()
        for s, v in thinned(values)
        if 0 < v < np.inf
    ]
    if not rows:
        return None
    curves = lines(
        data(rows),
        alt.X("step:Q", title="step s", scale=FLUSH, axis=alt.Axis(tickMinStep=1, tickCount=10)),
        alt.Y(
            "size:Q", title="‖∂E/∂h_s‖", axis=alt.Axis(format=".0e"), scale=alt.Scale(type="log")
        ),
        dict(zip(series, [(ORANGE, DASHED), (BLUE, SOLID)], strict=True)),
        ["of:N", "step:Q", "size:Q"],
        points=short(rows),
    )
    return sized(curves)
