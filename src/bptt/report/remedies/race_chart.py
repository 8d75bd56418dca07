"""The race of the remedies, in a picture: the held-out loss by update."""

from typing import Any

import altair as alt
import numpy as np

from bptt.presentation.chart_style import DASHED, DOTTED, FLUSH, SOLID, Row, data, sized, told_apart
from bptt.presentation.colours import BLUE, GREEN, GREY, ORANGE
from bptt.prognoses import LEARNT, Measured
from bptt.remedies import UNCHANGED, Ranking

STYLES = [(colour, dash) for dash in (SOLID, DASHED) for colour in (BLUE, ORANGE, GREEN)]
TOP = 1.6  # shown, in units of the loss without the past: who is above it has learnt by heart


def ratio(measured: Measured) -> float:
    """The held-out loss over what the same network achieves without the past."""
    return measured.loss / measured.blind if measured.blind > 0 else float("nan")


def race(ranking: Ranking) -> Any:
    """Held-out loss against weight updates: the model as it is grey, the first-ranked in colour."""
    ran = [each for each in ranking.tried if each.prognosis is not None]
    names = [each.name for each in ran if each.name != UNCHANGED]
    of = {name: name if n < len(STYLES) else "others" for n, name in enumerate(names)}
    rows: list[Row] = []
    ends: list[Row] = []
    for each in ran:
        points = [
            {
                "update": m.update, "ratio": float(f"{ratio(m):.4g}"), "loss": float(f"{m.loss:.4g}"),
                "name": each.name, "of": of.get(each.name, UNCHANGED),
            }
            for m in (each.prognosis.measured if each.prognosis is not None else ())
            if np.isfinite(ratio(m))
        ]  # fmt: skip
        rows += points
        if points and each.prognosis is not None and each.prognosis.diverged:
            ends.append(points[-1] | {"mark": "broke off"})
    if not rows:
        return None
    known = {UNCHANGED: (GREY, SOLID), "others": (GREY, DOTTED)} | dict(
        zip(names, STYLES, strict=False)
    )
    shown = {row["of"] for row in rows}
    styles = {
        name: known[name] for name in dict.fromkeys([UNCHANGED, *of.values()]) if name in shown
    }
    highest = min(TOP, max(1.05, *(row["ratio"] for row in rows)))
    lowest = 0.0 if min(row["ratio"] for row in rows) < LEARNT + 0.1 else LEARNT - 0.1
    y = alt.Y(
        "ratio:Q", title="held-out loss, 1 = without the past",
        scale=alt.Scale(domain=[lowest, highest], nice=False), axis=alt.Axis(tickCount=6),
    )  # fmt: skip
    x = alt.X(
        "update:Q", title="weight updates", scale=FLUSH, axis=alt.Axis(tickMinStep=1, tickCount=8)
    )
    coded = told_apart(styles, columns=4)
    tooltip = ["name:N", "update:Q", "loss:Q", "ratio:Q"]
    lines = (
        alt.Chart(data(rows))
        .mark_line(point=alt.OverlayMarkDef(size=30, strokeWidth=0, filled=True), clip=True)
        .encode(
            x=x, y=y, detail="name:N", tooltip=tooltip, **coded,
            strokeWidth=alt.condition("datum.of == 'others'", alt.value(1), alt.value(2)),
        )
    )  # fmt: skip
    rule = alt.Chart(data([{"ratio": LEARNT, "label": "learnt"}]))
    learnt = rule.mark_rule(strokeDash=[2, 3], color=GREY).encode(y=y)
    word = rule.mark_text(align="left", baseline="bottom", dx=4, dy=-2, color=GREY).encode(
        x=alt.value(0), y=y, text="label:N"
    )
    chart = learnt + word + lines
    if ends:
        crosses = alt.Chart(data(ends)).mark_point(
            shape="cross", angle=45, size=110, filled=True, clip=True
        )
        chart += crosses.encode(x=x, y=y, color=coded["color"], tooltip=[*tooltip, "mark:N"])
    return sized(chart, 300)
