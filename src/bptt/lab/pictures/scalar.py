"""Pictures of one unit: the terms of the unrolled expression, and the cliff."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.lab.cliff import (
    CLIP,
    COUNT,
    FROM,
    LEARNING_RATE,
    Path,
    Surface,
    descent,
    steepest,
    surface,
)
from bptt.lab.pictures.base import BLUE, GREY, ORANGE, WIDTH, Picture, Rows, named, series, spec_of
from bptt.lab.scalar import Unrolled

REST = "rest"
SURFACE, PLAIN, CLIPPED = "the error E_50", "descent, not clipped", "descent, clipped"
POINTS = 300
VIEW = (4.2, 5.2)  # of w


@cache
def _terms() -> dict[str, Any]:
    bars = (
        alt.Chart(named("terms"))
        .mark_bar()
        .encode(
            x=alt.X("lag:O", title="lag k", sort=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("product:Q", title="the term"),
            color=alt.condition("datum.product < 0", alt.value(ORANGE), alt.value(BLUE)),
            tooltip=["lag:O", "power:Q", "slopes:Q", "state:Q", "product:Q"],
        )
    )
    text = (
        alt.Chart(named("terms"))
        .mark_text(dy=-8, fontSize=12)
        .encode(x=alt.X("lag:O", sort=None), y="top:Q", text="number:N")
    )
    return spec_of((bars + text).properties(width=WIDTH, height=180))


def _terms_rows(shown: Unrolled) -> Rows:
    rows = [
        row
        | {
            "lag": REST if row["lag"] is None else row["lag"],
            "number": f"{row['product']:.2g}",
            "top": max(0.0, row["product"]),
        }
        for row in shown.rows()
    ]
    return {"terms": rows}


def _terms_say(shown: Unrolled) -> str:
    said = ", ".join(
        f"lag {row['lag']}: {row['product']:.2g}" for row in shown.rows() if row["lag"] is not None
    )
    return f"The terms of the sum: {said}. Together {shown.total:.3g}."


terms = Picture("terms", lambda shown: _terms(), _terms_rows, _terms_say)


@dataclass(frozen=True, eq=False)
class Descents:
    """Gradient descent beside the cliff, with and without clipping.

    Attributes:
        around: the error at many w.
        plain: the path without clipping.
        clipped: the path with it.
    """

    around: Surface
    plain: Path
    clipped: Path


def descents(w: float = FROM, lr: float = LEARNING_RATE, clip: float = CLIP) -> Descents:
    """Both from the same weight."""
    return Descents(_around(), descent(w, lr, None, COUNT), descent(w, lr, clip, COUNT))


@cache
def _around() -> Surface:
    """Many w, and where the wall stands many more."""
    near = np.geomspace(1e-7, 0.05, POINTS // 3)
    at = steepest().w
    return surface(np.union1d(np.linspace(*VIEW, POINTS), [at, *(at - near), *(at + near)]))


@cache
def _cliff() -> dict[str, Any]:
    x = alt.X(
        "w:Q",
        title="w",
        scale=alt.Scale(domain=list(VIEW), nice=False),
        axis=alt.Axis(tickCount=8, format="~g"),
    )
    coloured = series([SURFACE, PLAIN, CLIPPED], [GREY, ORANGE, BLUE], [[1, 0], [3, 3], [1, 0]])
    error = (
        alt.Chart(named("surface"))
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(x=x, y=alt.Y("E:Q", title="E_50"), **coloured)
    )
    paths = (
        alt.Chart(named("paths"))
        .mark_line(point=alt.OverlayMarkDef(size=40), strokeWidth=1.5, clip=True)
        .encode(
            x=x, y="E:Q", order="step:Q",
            tooltip=["of:N", "step:Q", "w:Q", "E:Q", "dE_dw:Q"], **coloured,
        )
    )  # fmt: skip
    slope = (
        alt.Chart(named("surface"))
        .mark_line(color=GREY, strokeWidth=2.5, clip=True)
        .encode(
            x=x,
            y=alt.Y("dE_dw:Q", title="dE_50/dw", scale=alt.Scale(type="symlog", constant=0.1), axis=alt.Axis(values=[-100, -10, -1, 0, 1, 10], format="d")),
            tooltip=["w:Q", "dE_dw:Q"],
        )
    )  # fmt: skip
    above = (error + paths).properties(width=WIDTH, height=220)
    return spec_of(alt.vconcat(above, slope.properties(width=WIDTH, height=110)))


def _cliff_rows(shown: Descents) -> Rows:
    around = shown.around
    columns = zip(around.w, around.E, around.dE_dw, strict=True)
    paths = [
        row | {"of": of}
        for of, path in ((PLAIN, shown.plain), (CLIPPED, shown.clipped))
        for row in path.rows()
    ]
    return {
        "surface": [
            {"w": float(w), "E": float(E), "dE_dw": float(g), "of": SURFACE} for w, E, g in columns
        ],
        "paths": paths,
    }


def _cliff_says(shown: Descents) -> str:
    said = [
        f"{of} ends at w = {path.w[-1]:.3g} with error {path.E[-1]:.3g}, its longest step was {np.abs(np.diff(path.w)).max():.2g}"
        for of, path in ((PLAIN, shown.plain), (CLIPPED, shown.clipped))
    ]
    return f"The error as a function of w, with a cliff. {'; '.join(said)}."


cliff = Picture("cliff", lambda shown: _cliff(), _cliff_rows, _cliff_says)
