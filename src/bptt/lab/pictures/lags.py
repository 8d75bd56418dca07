"""Pictures of the gradient by lag: how it falls, by which factors, and where in the sequence it ends."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.lab.measured import Measured
from bptt.lab.pictures.base import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    WIDTH,
    Picture,
    Rows,
    line,
    named,
    note,
    noted,
    series,
    spec_of,
)
from bptt.report.sentences import gain_factor, headline, power_of_ten

GRADIENT, WEIGHTS, SLOPES, CARRY = (
    "the gradient, ‖G_k‖", "powers of W_R alone", "powers of φ′ alone", "powers of the carry alone",
)  # fmt: skip
LIMIT = 1.5  # ln of the factor from which the strip has its full colour


@cache
def _by_lag(gated: bool) -> dict[str, Any]:
    names = [GRADIENT, WEIGHTS, SLOPES] + [CARRY] * gated
    lines = (
        alt.Chart(named("lines"))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("lag:Q", title="lag k (steps back from the loss)", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1, tickCount=10)),
            y=alt.Y(
                "value:Q", title="over its size at lag 0", scale=alt.Scale(zero=False),
                axis=alt.Axis(labelExpr="datum.value == 0 ? '1' : '1e' + datum.value", tickMinStep=1),
            ),
            tooltip=["of:N", "lag:Q", alt.Tooltip("value:Q", title="log10")],
            **series(names, [BLUE, ORANGE, GREEN, PURPLE], [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2]]),
        )
    )  # fmt: skip
    base = alt.Chart(named("marks"))
    rules = base.mark_rule(color=GREY, strokeWidth=1.5).encode(x="lag:Q", tooltip=["mark:N"])
    text = base.mark_text(align="left", dx=4, fontSize=12).encode(
        x="lag:Q", y=alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[0, 1])), text="mark:N"
    )
    chart = alt.layer(lines + rules, text).resolve_scale(y="independent")
    return spec_of(chart.properties(width=WIDTH, height=300))


def _by_lag_rows(shown: Measured) -> Rows:
    layer, profile = shown.layer, shown.layer.profile
    first = profile.log10_norm[0]
    rows = line(GRADIENT, profile.log10_norm - first) if np.isfinite(first) else []
    rows += line(WEIGHTS, shown.weights_alone()) + line(SLOPES, shown.slopes_alone())
    if profile.carry_gain is not None:
        carried = np.concatenate([[0.0], np.cumsum(profile.carry_gain) / np.log(10)])
        rows += line(CARRY, carried)
    marks = [
        {"lag": layer.horizon, "mark": f"horizon {layer.horizon}", "row": 0.97},
        {"lag": layer.needed_lag, "mark": f"needed {layer.needed_lag}", "row": 0.9},
    ]
    return {"lines": rows, "marks": marks}


by_lag = Picture(
    "by_lag",
    lambda shown: _by_lag(shown.gated),
    _by_lag_rows,
    lambda shown: "Gradient by lag on a log scale. " + headline(shown.layer),
)


@cache
def _factors(names: tuple[str, ...]) -> dict[str, Any]:
    order = [*names, "together", "product so far"]
    y = alt.Y("of:N", title=None, sort=order, scale=alt.Scale(domain=order))
    x = alt.X(
        "lag:Q",
        title="step back, from lag k to k+1",
        scale=alt.Scale(nice=False),
        axis=alt.Axis(tickMinStep=1, tickCount=10, grid=False),
    )
    cells = (
        alt.Chart(named("cells"))
        .mark_rect()
        .encode(
            x=x, x2="next:Q", y=y,
            color=alt.Color(
                "value:Q", title="factor",
                scale=alt.Scale(range=[BLUE, "#f2f2f2", ORANGE], domain=[-LIMIT, 0, LIMIT], clamp=True),
                legend=alt.Legend(orient="top", values=[-1.386, -0.693, 0, 0.693, 1.386], labelExpr="'× ' + format(exp(datum.value), '.2~f')"),
            ),
            tooltip=["of:N", alt.Tooltip("lag:Q", title="from lag"), alt.Tooltip("factor:N", title="factor")],
        )
    )  # fmt: skip
    text = (
        alt.Chart(named("products")).mark_text(fontSize=11).encode(x="lag:Q", y=y, text="product:N")
    )
    return spec_of((cells + text).properties(width=WIDTH, height=28 * len(order)))


def _ways(shown: Measured) -> dict[str, Any]:
    profile = shown.layer.profile
    ways = {"W_R": profile.weight_gain, "φ′": profile.activation_gain}
    if profile.carry_gain is not None:
        ways = {
            "W_R": profile.weight_gain,
            "slopes": profile.activation_gain,
            "carry": profile.carry_gain,
        }
    return ways


def _factors_rows(shown: Measured) -> Rows:
    profile = shown.layer.profile
    rows = [
        {
            "lag": k,
            "next": k + 1,
            "of": name,
            "value": round(float(v), 4),
            "factor": f"{np.exp(v):.3g}",
        }
        for name, gains in (_ways(shown) | {"together": profile.gain}).items()
        for k, v in enumerate(gains)
        if np.isfinite(v)
    ]
    growth = profile.log10_growth
    last = len(growth) - 1
    # between the edges, where the numbers have room
    marks = np.unique(np.linspace(0, last, 10).round().astype(int))[1:-1]
    products = [
        {
            "lag": int(k),
            "of": "product so far",
            "product": power_of_ten(float(growth[k])),
            "spare": i % 3 != 1,
        }
        for i, k in enumerate(marks)
    ]
    return {"cells": rows, "products": products}


def _factors_say(shown: Measured) -> str:
    profile, horizon = shown.layer.profile, max(1, shown.layer.horizon)
    means = ", ".join(
        f"{name} by {gain_factor(gains[:horizon])}"
        for name, gains in _ways(shown).items()
        if np.isfinite(gains[:horizon]).any()
    )
    if not means:
        return "Strip of factors. No error is carried back by a single step: the product is 0."
    growth = power_of_ten(float(profile.log10_growth[-1]))
    return f"Strip of factors. On average a step back multiplies the error: {means}. The product over all steps is {growth}."


factors = Picture(
    "factors", lambda shown: _factors(tuple(_ways(shown))), _factors_rows, _factors_say
)


@cache
def _sequence() -> dict[str, Any]:
    x = alt.X(
        "step:Q",
        title="step s of the sequence",
        scale=alt.Scale(nice=False),
        axis=alt.Axis(tickMinStep=1, tickCount=10),
    )
    bars = (
        alt.Chart(named("steps"))
        .mark_bar(color=BLUE)
        .encode(
            x=x,
            x2="next:Q",
            y2=alt.datum(0),
            y=alt.Y("size:Q", title="what step s moves in W_R", axis=alt.Axis(format="%")),
            tooltip=["step:Q", alt.Tooltip("size:Q", format=".2%")],
        )
    )
    base = alt.Chart(named("marks"))
    rules = base.mark_rule(strokeWidth=2, color=ORANGE).encode(
        x="step:Q", tooltip=["mark:N"],
        strokeDash=alt.StrokeDash(
            "of:N", title=None, scale=alt.Scale(domain=["loss", "horizon", "needed"], range=[[1, 0], [6, 4], [2, 3]]),
            legend=alt.Legend(orient="top", symbolType="stroke", symbolStrokeColor=ORANGE, symbolStrokeWidth=2, symbolSize=300),
        ),
    )  # fmt: skip
    return spec_of((bars + rules + note()).properties(width=WIDTH, height=150))


def _sequence_rows(shown: Measured) -> Rows:
    layer = shown.layer
    norm = layer.by_step.norm
    whole = float(norm.sum())
    T = len(norm)
    rows = [
        {"step": s, "next": s + 1, "size": float(f"{v / whole:.4g}")}
        for s, v in enumerate(norm)
        if whole > 0 and np.isfinite(v)
    ]
    marks = [
        {"step": T - 0.5, "of": "loss", "mark": f"the loss, step {T - 1}"},
        {
            "step": T - 0.5 - layer.horizon,
            "of": "horizon",
            "mark": f"horizon, {layer.horizon} steps back",
        },
        {
            "step": T - 0.5 - layer.needed_lag,
            "of": "needed",
            "mark": f"needed, {layer.needed_lag} steps back",
        },
    ]
    return {
        "steps": rows,
        "marks": marks,
        **noted("The gradient of W_R is zero.", [r for r in rows if r["size"]]),
    }


def _sequence_says(shown: Measured) -> str:
    layer, T = shown.layer, len(shown.layer.by_step.norm)
    return (
        f"The sequence, {T} steps. 95 % of the gradient comes from the last {layer.horizon + 1} steps before a loss; "
        f"the task needs {layer.needed_lag}."
    )


sequence = Picture("sequence", lambda shown: _sequence(), _sequence_rows, _sequence_says)
