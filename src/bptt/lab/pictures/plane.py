"""Picture of the weights: the eigenvalues of W_R against the unit circle, its singular values against 1."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.lab.measured import Measured
from bptt.lab.pictures.base import Picture, spec_of
from bptt.presentation.chart_style import (
    FLUSH,
    STROKE,
    WIDTH,
    Rows,
    fed,
)
from bptt.presentation.colours import BLUE, GREEN, ORANGE
from bptt.presentation.formatting import two_decimals

SIDE = WIDTH // 2 - 54  # of a square; two stand side by side
ROUNDING = 1e-5  # of weights in float32: an orthogonal W_R lies on the circle


@cache
def _plane() -> dict[str, Any]:
    x = alt.X("re:Q", title="real part", scale=FLUSH)
    y = alt.Y("im:Q", title="imaginary part", scale=FLUSH)
    circle = (
        alt.Chart(fed("circle"))
        .mark_line(color=ORANGE, strokeWidth=STROKE)
        .encode(x=x, y=y, order="i:Q")
    )
    frame = alt.Chart(fed("frame")).mark_point(opacity=0).encode(x=x, y=y)
    values = (
        alt.Chart(fed("eigenvalues"))
        .mark_point(filled=True, size=34, color=BLUE)
        .encode(x=x, y=y, tooltip=["re:Q", "im:Q", alt.Tooltip("size:Q", title="size")])
    )
    left = (frame + circle + values).properties(
        width=SIDE, height=SIDE, title="eigenvalues, and the unit circle"
    )
    one = (
        alt.Chart(fed("ones"))
        .mark_rule(color=ORANGE, strokeWidth=STROKE)
        .encode(y="at:Q", tooltip=["mark:N"])
    )
    sigma = (
        alt.Chart(fed("singular"))
        .mark_point(filled=True, size=34, color=GREEN, shape="square")
        .encode(
            x=alt.X("i:Q", title="singular value, largest first", scale=FLUSH, axis=alt.Axis(tickMinStep=1, tickCount=5)),
            y=alt.Y("sigma:Q", title="σ"),
            tooltip=["i:Q", "sigma:Q"],
        )
    )  # fmt: skip
    right = (one + sigma).properties(width=SIDE, height=SIDE, title="singular values, and 1")
    return spec_of(alt.hconcat(left, right))


def _plane_rows(shown: Measured) -> Rows:
    eigenvalues = shown.eigenvalues
    singular = np.linalg.svd(shown.W_R, compute_uv=False)
    reach = 1.08 * max(1.0, float(np.abs(eigenvalues).max()))
    angles = np.linspace(0, 2 * np.pi, 73)
    return {
        "eigenvalues": [
            {"re": round(float(v.real), 4), "im": round(float(v.imag), 4), "size": round(float(abs(v)), 4)}
            for v in eigenvalues
        ],
        "circle": [
            {"i": i, "re": round(float(np.cos(a)), 4), "im": round(float(np.sin(a)), 4)}
            for i, a in enumerate(angles)
        ],
        "frame": [{"re": -reach, "im": -reach}, {"re": reach, "im": reach}],
        "singular": [{"i": i, "sigma": round(float(s), 4)} for i, s in enumerate(singular, 1)],
        "ones": [{"at": 1.0, "mark": "1: no step back can grow if all lie below"}],
    }  # fmt: skip


def _plane_sentence(shown: Measured) -> str:
    weights = shown.layer.spectrum
    outside = int((np.abs(shown.eigenvalues) > 1 + ROUNDING).sum())
    return (
        f"Eigenvalues of W_R in the complex plane: the largest has size {two_decimals(weights.radius)}, {outside} lie outside the "
        f"unit circle. The largest singular value is {two_decimals(weights.sigma_max)}."
    )


plane = Picture("plane", lambda shown: _plane(), _plane_rows, _plane_sentence)
