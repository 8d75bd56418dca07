"""Pictures of two networks that learn: the loss, and the gradient by lag as it moves."""

from functools import cache
from typing import Any

import altair as alt

from bptt.lab.learning import AFTER, BEFORE, CONSTANT, EACH, UPDATES, Learnt
from bptt.lab.pictures.base import Picture, spec_of
from bptt.lab.pictures.by_lag import NEEDED
from bptt.presentation.chart_style import (
    DOTTED,
    LOW,
    STROKE,
    Rows,
    curve_rows,
    fed,
    lines,
    mark_rows,
    marked,
    sized,
    stage_styles,
)
from bptt.presentation.colours import GREY
from bptt.report.charts.by_lag import lag_curves

STYLES = stage_styles([BEFORE, AFTER])
HIGHEST = 0.3  # of the loss that is drawn


@cache
def _loss() -> dict[str, Any]:
    x = alt.X(
        "updates:Q",
        title="weight updates",
        axis=alt.Axis(tickCount=6),
        scale=alt.Scale(domain=[0, UPDATES], nice=False),
    )
    y = alt.Y("loss:Q", title="loss", scale=alt.Scale(domain=[0, HIGHEST], clamp=True))
    curves = lines(fed("losses"), x, y, STYLES, ["of:N", "updates:Q", alt.Tooltip("loss:Q", format=".3f")])  # fmt: skip
    rule = alt.Chart(fed("constant")).mark_rule(color=GREY, strokeDash=DOTTED, strokeWidth=STROKE)
    text = alt.Chart(fed("constant")).mark_text(align="left", dx=6, dy=14, fontSize=12)
    return spec_of(
        sized(
            curves
            + rule.encode(y="loss:Q")
            + text.encode(y="loss:Q", x=alt.datum(0), text="label:N"),
            LOW,
        )
    )


def _loss_rows(shown: Learnt) -> Rows:
    return {
        "losses": [
            {"updates": EACH * (i + 1), "loss": round(loss, 4), "of": name}
            for name, losses in shown.losses.items()
            for i, loss in enumerate(losses)
        ],
        "constant": [{"loss": round(CONSTANT, 4), "label": "always the same answer"}],
    }


@cache
def _reach() -> dict[str, Any]:
    curves = lag_curves(fed, STYLES, "‖G_k‖ over its size at lag 0", points=False)
    return spec_of(sized(marked(curves, fed("marks"), "lag", (NEEDED,), GREY, direct=True)))


def _reach_rows(shown: Learnt) -> Rows:
    rows = [row for name, log10 in shown.profiles.items() for row in curve_rows(name, log10)]
    places, last = {NEEDED: shown.needed_lag}, len(shown.profiles[BEFORE]) - 1
    return {
        "lines": rows,
        "marks": mark_rows("lag", places, {NEEDED: f"{NEEDED} {shown.needed_lag}"}, last),
    }


loss = Picture("loss", lambda shown: _loss(), _loss_rows, lambda shown: shown.sentence)
reach = Picture(
    "reach",
    lambda shown: _reach(),
    _reach_rows,
    lambda shown: "The gradient by lag of both, and the needed lag. " + shown.sentence,
)
