"""Pictures of remedies: the gradient and the memory by lag before and after."""

from collections.abc import Callable
from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import Diagnosis
from bptt.presentation.chart_style import (
    DASHED,
    SOLID,
    STROKE,
    Row,
    curve_rows,
    data,
)
from bptt.presentation.colours import BLUE, GREY, ORANGE
from bptt.presentation.formatting import power_of_ten, r_squared
from bptt.remedies import UNCHANGED, Ranking, Tried
from bptt.report.remedies.sentences import judged_at

PER_ROW, ACROSS, DOWN = 3, 192, 120
POINTS = 120  # of a small curve
# above and below lag 0 that small curves show; a factor beyond it is as good as any other
DECADES = 12


def redrawn(ranking: Ranking) -> list[Tried]:
    """Those that change the network; what changes the training alone leaves every curve as it is."""
    before = ranking.before
    return [each for each in ranking.tried if each.subject is not before.subject]


def gradients(ranking: Ranking) -> Any:
    """log10 ‖G_k‖ against k, before and after, of the layer that decides: a small chart per remedy."""
    shown = _frame(ranking)
    if shown is None:
        return None
    low, high = np.floor(shown[0]), np.ceil(shown[1])
    y = alt.Y(
        "value:Q", scale=alt.Scale(domain=[low, max(high, low + 1)]),
        axis=alt.Axis(labelExpr="'1e' + datum.value", tickMinStep=1, tickCount=4),
    )  # fmt: skip
    return _multiples(
        ranking, curve_of_norms, y, "‖G_k‖",
        lambda each: [
            each.diagnosis.decisive.verdict + _outside(curve_of_norms(each.diagnosis), shown),
            f"signal × {power_of_ten(each.log10_attenuation)} at {judged_at([each])}",
        ],
    )  # fmt: skip


def leaves_frame(ranking: Ranking) -> bool:
    """Whether a curve goes on beyond what ``gradients`` shows."""
    shown, values = _frame(ranking), _all_norms(ranking)
    return shown is not None and bool(values.min() < shown[0] or values.max() > shown[1])


def memories(ranking: Ranking) -> Any:
    """R² of the input of lag k against k, before and after: a small chart per remedy."""
    y = alt.Y("value:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=3, format=".1f"))
    return _multiples(
        ranking, curve_of_memory, y, "R²",
        lambda each: [
            each.diagnosis.decisive.verdict,
            f"R² {r_squared(each.remembered)} at {judged_at([each])}"
            if np.isfinite(each.remembered)
            else f"not measured at {judged_at([each])}",
        ],
    )  # fmt: skip


def _multiples(
    ranking: Ranking,
    curve: Callable[[Diagnosis], Array],
    y: Any,
    title: str,
    subtitle: Callable[[Tried], list[str]],
) -> Any:
    """Small charts side by side on the same axes, each with the curve before (grey) and after (blue)."""
    before = ranking.before
    needed = before.diagnosis.decisive.needed_lag
    names = [UNCHANGED, "with the remedy"]
    start = _rows(curve(before.diagnosis), names[0])
    changed = [(each, _rows(curve(each.diagnosis), names[1])) for each in redrawn(ranking)]
    if (not start and not any(rows for _, rows in changed)) or not changed:
        return None
    last = max([needed, *(row["lag"] for _, rows in [(None, start), *changed] for row in rows)])
    colour = alt.Color(
        "of:N", title=None, scale=alt.Scale(domain=names, range=[GREY, BLUE]),
        legend=alt.Legend(orient="top", symbolStrokeWidth=3),
    )  # fmt: skip
    dash = alt.StrokeDash(
        "mark:N", title=None, scale=alt.Scale(range=[[2, 3]]),
        legend=alt.Legend(orient="top", symbolStrokeColor=ORANGE),
    )  # fmt: skip
    rule = alt.Chart(data([{"lag": needed, "mark": f"needed lag {needed}"}]))
    charts = []
    for number, (each, rows) in enumerate(changed):
        bottom = number + PER_ROW >= len(changed)
        x = alt.X(
            "lag:Q", title="lag k" if bottom else None,
            scale=alt.Scale(domain=[0, last], nice=False), axis=alt.Axis(tickMinStep=1, tickCount=4),
        )  # fmt: skip
        lines = alt.Chart(data(start + rows)).mark_line(strokeWidth=STROKE, clip=True)
        own = lines.encode(
            x=x, y=y.title(title if number % PER_ROW == 0 else None), color=colour,
            strokeDash=alt.condition(
                f"datum.of == '{UNCHANGED}'", alt.value(DASHED), alt.value(SOLID)
            ),
            tooltip=["of:N", "lag:Q", "value:Q"],
        )  # fmt: skip
        charts.append(
            (rule.mark_rule(color=ORANGE).encode(x="lag:Q", strokeDash=dash) + own).properties(
                width=ACROSS,
                height=DOWN,
                title=alt.TitleParams(each.name, subtitle=subtitle(each)),
            )
        )
    chart = alt.concat(*charts, columns=PER_ROW, spacing=18)
    return chart.resolve_scale(color="shared", strokeDash="shared")


def _rows(values: Array, of: str) -> list[Row]:
    return curve_rows(of, values, digits=3, most=POINTS)


def _frame(ranking: Ranking) -> tuple[float, float] | None:
    """Lowest and highest log10 ‖G_k‖ shown: all of them, within DECADES of the first before."""
    values = _all_norms(ranking)
    if not len(values):
        return None
    first = float(
        next((v for v in curve_of_norms(ranking.before.diagnosis) if np.isfinite(v)), values.max())
    )
    return max(float(values.min()), first - DECADES), min(float(values.max()), first + DECADES)


def _outside(values: Array, shown: tuple[float, float]) -> str:
    """Where a curve is that the frame does not show at all."""
    values = values[np.isfinite(values)]
    if not len(values):
        return ", zero throughout"
    if values.min() > shown[1]:
        return ", above the frame"
    return ", below the frame" if values.max() < shown[0] else ""


def _all_norms(ranking: Ranking) -> Array:
    values: Array = np.concatenate([curve_of_norms(each.diagnosis) for each in ranking.tried])
    return values[np.isfinite(values)]


def curve_of_norms(diagnosis: Diagnosis) -> Array:
    """(K,) log10 ‖G_k‖ of the layer that decides."""
    return diagnosis.decisive.profile.log10_norm


def curve_of_memory(diagnosis: Diagnosis) -> Array:
    """(K,) R² by lag, not below 0; empty where it was not measured."""
    return np.empty(0) if diagnosis.memory is None else np.maximum(diagnosis.memory.r2, 0)
