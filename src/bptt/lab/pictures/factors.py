"""The strip of factors: what each step back multiplies the error signal by, and the product so far."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.gradients.by_lag.profile import TOGETHER
from bptt.lab.measured import Measured
from bptt.lab.pictures.base import Picture, spec_of
from bptt.presentation.chart_style import FLUSH, Rows, fed, sized
from bptt.presentation.colours import BLUE, ORANGE, PALE
from bptt.presentation.formatting import power_of_ten
from bptt.report.sentences import gain_factor

PRODUCT = "product so far"
LIMIT = 1.5  # ln of the factor from which the strip has its full colour
ROW = 28  # pixels


@cache
def _factors(names: tuple[str, ...]) -> dict[str, Any]:
    order = [*names, PRODUCT]
    y = alt.Y("of:N", title=None, sort=order, scale=alt.Scale(domain=order))
    x = alt.X(
        "lag:Q", title="step back, from lag k to k+1", scale=FLUSH,
        axis=alt.Axis(tickMinStep=1, tickCount=10, grid=False),
    )  # fmt: skip
    cells = (
        alt.Chart(fed("cells"))
        .mark_rect()
        .encode(
            x=x, x2="next:Q", y=y,
            color=alt.Color(
                "value:Q", title="factor",
                scale=alt.Scale(range=[BLUE, PALE, ORANGE], domain=[-LIMIT, 0, LIMIT], clamp=True),
                legend=alt.Legend(orient="top", values=[-1.386, -0.693, 0, 0.693, 1.386], labelExpr="'× ' + format(exp(datum.value), '.2~f')"),
            ),
            tooltip=[
                "of:N", alt.Tooltip("lag:Q", title="from lag"), alt.Tooltip("factor:N", title="factor"),
                alt.Tooltip("so far:N", title=PRODUCT),
            ],
        )
    )  # fmt: skip
    text = (
        alt.Chart(fed("products")).mark_text(fontSize=11).encode(x="lag:Q", y=y, text="product:N")
    )
    return spec_of(sized(cells + text, ROW * len(order)))


def _factors_rows(shown: Measured) -> Rows:
    profile = shown.layer.profile
    growth = profile.log10_growth
    rows = [
        {
            "lag": k,
            "next": k + 1,
            "of": name,
            "value": round(float(v), 4),
            "factor": f"{np.exp(v):.3g}",
            "so far": power_of_ten(float(growth[k + 1])),
        }
        for name, gains in profile.factors.items()
        for k, v in enumerate(gains)
        if np.isfinite(v)
    ]
    last = len(growth) - 1
    # between the edges, where the numbers have room
    marks = np.unique(np.linspace(0, last, 10).round().astype(int))[1:-1]
    products = [
        {
            "lag": int(k),
            "of": PRODUCT,
            "product": power_of_ten(float(growth[k])),
            "spare": i % 3 != 1,
        }
        for i, k in enumerate(marks)
    ]
    return {"cells": rows, "products": products}


def _factors_sentence(shown: Measured) -> str:
    profile, part = shown.layer.profile, shown.layer.profile.up_to_horizon
    means = ", ".join(
        f"{name} by {gain_factor(gains[part])}"
        for name, gains in shown.layer.profile.factors.items()
        if name != TOGETHER and np.isfinite(gains[part]).any()
    )
    if not means:
        return "Strip of factors. No error is carried back by a single step: the product is 0."
    growth = power_of_ten(float(profile.log10_growth[-1]))
    return f"Strip of factors. On average a step back multiplies the error: {means}. The product over all steps is {growth}."


factors = Picture(
    "factors",
    lambda shown: _factors(tuple(shown.layer.profile.factors)),
    _factors_rows,
    _factors_sentence,
)
