"""Picture of the cliff, with gradient descent beside it."""

from dataclasses import dataclass
from functools import cache, lru_cache
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
from bptt.lab.pictures.base import Picture, spec_of
from bptt.presentation.chart_style import DOTTED, LOW, SOLID, STROKE, Rows, fed, sized, told_apart
from bptt.presentation.colours import BLUE, GREY, ORANGE

SURFACE, PLAIN, CLIPPED = "the error E_50", "descent, not clipped", "descent, clipped"
STYLES = {SURFACE: (GREY, SOLID), PLAIN: (ORANGE, DOTTED), CLIPPED: (BLUE, SOLID)}
POINTS = 300
VIEW = (4.2, 5.2)  # of w


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


@lru_cache(maxsize=32)  # every page begins with the same
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
        title="W_R",
        scale=alt.Scale(domain=list(VIEW), nice=False),
        axis=alt.Axis(tickCount=8, format="~g"),
    )
    coloured = told_apart(STYLES)
    error = (
        alt.Chart(fed("surface"))
        .mark_line(strokeWidth=STROKE, clip=True)
        .encode(x=x, y=alt.Y("E:Q", title="E_50"), **coloured)
    )
    paths = (
        alt.Chart(fed("paths"))
        .mark_line(point=alt.OverlayMarkDef(size=40), strokeWidth=STROKE, clip=True)
        .encode(
            x=x, y="E:Q", order="step:Q",
            tooltip=["of:N", "step:Q", alt.Tooltip("w:Q", title="W_R"), "E:Q", alt.Tooltip("dE_dw:Q", title="∂E/∂W_R")], **coloured,
        )
    )  # fmt: skip
    slope = (
        alt.Chart(fed("surface"))
        .mark_line(color=GREY, strokeWidth=STROKE, clip=True)
        .encode(
            x=x,
            y=alt.Y("dE_dw:Q", title="∂E_50/∂W_R", scale=alt.Scale(type="symlog", constant=0.1), axis=alt.Axis(values=[-100, -10, -1, 0, 1, 10], format="d")),
            tooltip=[alt.Tooltip("w:Q", title="W_R"), alt.Tooltip("dE_dw:Q", title="∂E/∂W_R")],
        )
    )  # fmt: skip
    return spec_of(alt.vconcat(sized(error + paths), sized(slope, LOW)))


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


def _cliff_sentence(shown: Descents) -> str:
    ends = [
        f"{of} ends at W_R = {path.w[-1]:.3g} with error {path.E[-1]:.3g}, its longest step was {np.abs(np.diff(path.w)).max():.2g}"
        for of, path in ((PLAIN, shown.plain), (CLIPPED, shown.clipped))
    ]
    return f"The error as a function of W_R, with a cliff. {'; '.join(ends)}."


cliff = Picture("cliff", lambda shown: _cliff(), _cliff_rows, _cliff_sentence)
