"""A sweep over one field: the mean as a curve, the spread as a band."""

from typing import Any

import altair as alt
import numpy as np

from bptt.presentation.chart_style import DASHED, SOLID, STROKE, data, told_apart
from bptt.presentation.colours import BLUE, GREY, ORANGE
from bptt.sweeps.maps.encodings import MISSING, SIGNED, axis_tooltip, missing_mark, position
from bptt.sweeps.maps.grid import Grid, Panel, words
from bptt.sweeps.maps.theory import beyond, described

MEASURED, MEAN_FIELD = "measured", "mean field"


def curve(panel: Panel, grid: Grid, size: tuple[int, int]) -> Any:
    """The mean over one field, with a band from the smallest to the largest."""
    x, named = grid.x, grid.x.kind == "named"
    rows, missing = [], []
    for i in np.flatnonzero(panel.points[0]):
        at = {"x": x.values[i]}
        mean, low, high = (float(part[0, i]) for part in (panel.mean, panel.low, panel.high))
        if panel.numbers[0, i] and np.isfinite([mean, low, high]).all():
            numbers = {"v": mean, "low": low, "high": high}
            rows.append(at | {k: float(f"{v:.4g}") for k, v in numbers.items()} | {"of": MEASURED})  # fmt: skip
        else:
            missing.append(at | {"mark": MISSING})
    title = words(grid.measure)
    y = alt.Y("v:Q", title=title, scale=alt.Scale(zero=False))
    base = alt.Chart(data(rows)).encode(x=position("x", x))
    tooltip = [axis_tooltip("x", x), alt.Tooltip("v:Q", title=title), "low:Q", "high:Q"]
    band = base.mark_rule(strokeWidth=5) if named else base.mark_area()
    pale = {"color": alt.value(BLUE), "opacity": alt.value(0.25)}
    layers: list[Any] = []
    if grid.measure in SIGNED:
        layers.append(alt.Chart(data([{"y": 0}])).mark_rule(color=GREY).encode(y="y:Q"))
    if grid.averaged:
        layers.append(band.encode(y=alt.Y("low:Q", title=title), y2="high:Q", **pale))
    theory = _mean_field_curve(panel, grid)
    styles = {MEASURED: (BLUE, SOLID)} | ({MEAN_FIELD: (ORANGE, DASHED)} if theory else {})
    styled = told_apart(styles)
    mark = base.mark_point(filled=True, size=60) if named else base.mark_line(strokeWidth=STROKE)
    shown = styled if not named else {"color": alt.value(BLUE)}
    layers.append(mark.encode(y=y, tooltip=tooltip, **shown))
    if theory:
        curve = alt.Chart(data(theory)).mark_line(strokeWidth=STROKE, clip=True)
        layers.append(curve.encode(x=position("x", x), y=y, **styled))
    if missing:
        crosses = alt.Chart(data(missing)).mark_point(size=40, strokeWidth=1.5, color=GREY)
        at_foot = alt.value(size[1] - 8)
        layers.append(crosses.encode(x=position("x", x), y=at_foot, shape=missing_mark(), tooltip=[axis_tooltip("x", x), "mark:N"]))  # fmt: skip
    return alt.layer(*layers)


def _mean_field_curve(panel: Panel, grid: Grid) -> list[dict[str, Any]]:
    """What mean field says of λ₁, and so of the decay of the signal, at many gains."""
    theory = described(panel.rows)
    known = grid.x.name == "gain" and grid.measure in SIGNED and theory is not None
    if not known or beyond(panel.rows, ()) or theory is None:
        return []
    fixed = panel.rows.distinct("input_variance")[0], panel.rows.distinct("bias")[0]
    gains = np.linspace(grid.x.values[0], grid.x.values[-1], 61).tolist()
    rates = [(gain, theory.rate(gain, *fixed)) for gain in gains if gain > 0]
    return [{"x": g, "v": float(f"{r:.4g}"), "of": MEAN_FIELD} for g, r in rates if r is not None]
