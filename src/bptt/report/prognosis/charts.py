"""Pictures of a look ahead: reach, agreement and form by update, and the losses."""

from typing import Any

import altair as alt
import numpy as np

from bptt.presentation.chart_style import (
    DASHED,
    DOTTED,
    SOLID,
    STROKE,
    Row,
    data,
    lines,
    sized,
)
from bptt.presentation.colours import BLUE, GREY, ORANGE
from bptt.prognoses import Prognosis, updates_ahead
from bptt.prognoses.calibration import calibration
from bptt.prognoses.prognosis import LEARNT

ACROSS, DOWN = 300, 104  # of a small chart: three of them stand side by side on the first screen
LARGEST = 20.0  # loss shown, in units of the held-out one at its largest
MOST = 300  # points of a curve
POWER = (
    "datum.value == 0 ? '1' : datum.value == round(datum.value) ? '1e' + datum.value"
    " : format(pow(10, datum.value), '.1e')"
)


def reach(prognosis: Prognosis) -> Any:
    """log10 of the signal at the needed lag, over that where it starts, by update."""
    rows = [
        _row(m.update, m.log10_attenuation)
        for m in prognosis.measured
        if np.isfinite(m.log10_attenuation)
    ]
    y = alt.Y(
        "value:Q", title=None, scale=alt.Scale(zero=False, padding=6),
        axis=alt.Axis(labelExpr=POWER, tickMinStep=1, tickCount=4),
    )  # fmt: skip
    return _small(prognosis, rows, y, least="log10_attenuation")


def agreement(prognosis: Prognosis) -> Any:
    """Coherence from half of the needed lag on, with its standard error, by update."""
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4))
    rows = _with_errors(prognosis, "coherence", "error")
    return _small(prognosis, rows, y, least="coherence")


def rate(prognosis: Prognosis) -> Any:
    """The part of the loss that the far lags take off per update, with its standard error."""
    rows = _with_errors(prognosis, "rate", "rate_error")
    y = alt.Y(
        "value:Q", title="part of the loss per update", axis=alt.Axis(tickCount=5, format=".1e")
    )
    chart = _small(prognosis, rows, y)
    return None if chart is None else sized(chart, 200)


def form(prognosis: Prognosis) -> Any:
    """R² of what the loss asks for, by update."""
    rows = [_row(m.update, m.form) for m in prognosis.measured if m.form is not None]
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=4))
    return _small(prognosis, rows, y, least="form")


def losses(prognosis: Prognosis) -> Any:
    """The loss on each batch, on held-out data, and on these without the past."""
    names = ("on each batch", "held out", "held out, without the past")
    held = [
        [(m.update, m.loss) for m in prognosis.measured],
        [(m.update, m.blind) for m in prognosis.measured],
    ]
    top = LARGEST * max((v for _, v in held[0] if np.isfinite(v)), default=np.inf)
    stride = -(-len(prognosis.losses) // MOST) or 1
    each = list(enumerate(prognosis.losses, 1))[::stride]
    rows = [
        _row(update, value, name)
        for name, curve in zip(names, (each, *held), strict=True)
        for update, value in curve
        if np.isfinite(value) and value <= top
    ]
    if not rows:
        return None
    unit = f" ({prognosis.unit})" if prognosis.unit else ""
    y = alt.Y(
        "value:Q", title=f"loss{unit}", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6)
    )
    styles = dict(zip(names, ((GREY, SOLID), (BLUE, SOLID), (ORANGE, DASHED)), strict=True))
    tooltip = [alt.Tooltip("of:N", title="loss"), "update:Q", alt.Tooltip("value:Q", format=".4g")]
    chart = lines(data(rows), _x(prognosis), y, styles, tooltip, points=False)
    points = alt.Chart(data([row for row in rows if row["of"] != names[0]])).mark_point(
        size=40, filled=True, opacity=1
    )
    chart += points.encode(x="update:Q", y="value:Q", color=chart.encoding.color, tooltip=tooltip)
    if prognosis.measured and min(row["value"] for row in rows) < prognosis.measured[-1].blind:
        mark = LEARNT * prognosis.measured[-1].blind
        chart += (
            alt.Chart(data([{"value": mark}]))
            .mark_rule(color=GREY, strokeDash=DOTTED)
            .encode(y="value:Q", tooltip=alt.Tooltip("value:Q", title="learnt below", format=".4g"))
        )
    return sized(chart)


def _with_errors(prognosis: Prognosis, number: str, error: str) -> list[Row]:
    rows = []
    for m in prognosis.measured:
        if m.agreement_mid is not None:
            value, half = (getattr(m.agreement_mid, name) for name in (number, error))
            rows.append(_row(m.update, value) | {"low": value - half, "high": value + half})
    return rows


def _row(update: int, value: float, of: str = "") -> Row:
    return {"update": update, "value": float(f"{value:.6g}"), "of": of}


def _x(prognosis: Prognosis) -> Any:
    last = max(updates_ahead(prognosis.budget), len(prognosis.losses))
    return alt.X(
        "update:Q", title="updates", scale=alt.Scale(domain=[0, last], nice=False, padding=8),
        axis=alt.Axis(tickMinStep=1, tickCount=5, grid=False),
    )  # fmt: skip


def _small(prognosis: Prognosis, rows: list[Row], y: Any, least: str = "") -> Any:
    """A curve with a mark at every update that was measured; its errors, and what most that learnt had.

    Args:
        prognosis: of the look ahead.
        rows: of the curve.
        y: the channel.
        least: name of the number that nine in ten of those that learnt had more of.
    """
    if not rows:
        return None
    tooltip = ["update:Q", alt.Tooltip("value:Q", format=".3g")]
    chart = lines(data(rows), _x(prognosis), y, {"": (BLUE, SOLID)}, tooltip, points=True)
    if "low" in rows[0]:
        bars = alt.Chart(data(rows)).mark_rule(strokeWidth=STROKE, color=BLUE, opacity=0.6)
        chart += bars.encode(x="update:Q", y="low:Q", y2="high:Q")
    most_had = calibration().least.get(least)
    if most_had is not None:
        rule = alt.Chart(data([{"value": most_had}])).mark_rule(color=GREY, strokeDash=DOTTED)
        chart += rule.encode(y="value:Q")
    return chart.properties(width=ACROSS, height=DOWN)
