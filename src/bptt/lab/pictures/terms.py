"""Picture of the terms of the unrolled expression of one unit."""

from functools import cache
from typing import Any

import altair as alt

from bptt.lab.pictures.base import Picture, spec_of
from bptt.lab.scalar import Unrolled
from bptt.presentation.chart_style import LOW, Rows, fed, sized
from bptt.presentation.colours import BLUE, ORANGE

REST = "rest"
MINUS = "−"  # as long as the axis' own
ALONG = alt.EncodingSortField("place", op="min")  # the rest stays last when terms are added
ROOMY = "width < 46 * length(domain('x')) ? 0 : 1"  # or the numbers overlap; the formula above holds them


@cache
def _terms() -> dict[str, Any]:
    bars = (
        alt.Chart(fed("terms"))
        .mark_bar()
        .encode(
            x=alt.X("lag:O", title="lag k", sort=ALONG, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("product:Q", title="the term"),
            color=alt.condition("datum.product < 0", alt.value(ORANGE), alt.value(BLUE)),
            tooltip=["lag:O", "power:Q", "slopes:Q", "state:Q", "product:Q"],
        )
    )
    text = (
        alt.Chart(fed("terms"))
        .mark_text(dy=-8, fontSize=12, opacity=alt.expr(ROOMY))
        .encode(x=alt.X("lag:O", sort=ALONG), y="top:Q", text="number:N")
    )
    return spec_of(sized(bars + text, LOW))


def _terms_rows(shown: Unrolled) -> Rows:
    rows = [
        row
        | {
            "lag": REST if row["lag"] is None else row["lag"],
            "place": place,
            "number": f"{row['product']:.2g}".replace("-", MINUS),
            "top": max(0.0, row["product"]),
        }
        for place, row in enumerate(shown.rows())
    ]
    return {"terms": rows}


def _terms_sentence(shown: Unrolled) -> str:
    values = ", ".join(
        f"{'the rest' if row['lag'] is None else 'lag ' + str(row['lag'])}: {row['product']:.2g}"
        for row in shown.rows()
    )
    return f"The terms of the sum: {values}. Together {shown.total:.3g}."


terms = Picture("terms", lambda shown: _terms(), _terms_rows, _terms_sentence)
