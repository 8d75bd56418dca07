"""Pictures of the two culprits: the activation's slope where the units work, and W_R's eigenvalues."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.cells.activations import ACTIVATIONS
from bptt.lab.measured import Measured
from bptt.lab.pictures.base import BLUE, GREEN, GREY, ORANGE, Picture, Rows, named, series, spec_of
from bptt.layers import RNN

VALUE, SLOPE, UNITS = "φ(z)", "its slope φ′(z)", "the network's own z"
REACH, BINS = 4.0, 64
SIDE = 236


@cache
def _activation() -> dict[str, Any]:
    x = alt.X("z:Q", title="z", scale=alt.Scale(domain=[-REACH, REACH], nice=False))
    bars = (
        alt.Chart(named("units"))
        .mark_bar(color=GREY, opacity=0.45)
        .encode(
            x=x,
            x2="next:Q",
            y2=alt.datum(0),
            y=alt.Y("part:Q", title="part of all z", axis=alt.Axis(format="%", grid=False)),
            tooltip=["z:Q", alt.Tooltip("part:Q", format=".1%")],
        )
    )
    lines = (
        alt.Chart(named("curves"))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=x, y=alt.Y("value:Q", title="φ and φ′", axis=alt.Axis(grid=True)),
            tooltip=["of:N", "z:Q", "value:Q"],
            **series([VALUE, SLOPE], [BLUE, ORANGE], [[6, 3], [1, 0]]),
        )
    )  # fmt: skip
    chart = alt.layer(bars, lines).resolve_scale(y="independent")
    return spec_of(chart.properties(width=540, height=240))


def _activation_rows(shown: Measured) -> Rows:
    layer = shown.trace.layer
    phi = layer.phi if isinstance(layer, RNN) else ACTIVATIONS["tanh"]
    z = np.linspace(-REACH, REACH, 161)
    value = phi.value(z)
    curves = [
        {"z": round(float(at), 3), "value": round(float(v), 4), "of": name}
        for name, values in ((VALUE, value), (SLOPE, phi.derivative(z, value)))
        for at, v in zip(z, values, strict=True)
        if abs(v) <= 2  # what a line of slope 1 leaves the picture by
    ]
    # what lies outside is counted in the outermost bars
    inside = np.clip(shown.z, -REACH, np.nextafter(REACH, 0))
    counts, edges = np.histogram(inside, BINS, (-REACH, REACH))
    units = [
        {"z": float(a), "next": float(b), "part": round(float(n / inside.size), 5)}
        for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True)
    ]
    return {"curves": curves, "units": units}


def _activation_says(shown: Measured) -> str:
    return (
        f"The activation and its slope. Where the units work the slope is {shown.layer.mean_slope:.2f} on average; "
        f"{shown.layer.saturated:.0%} of the {'gates' if shown.gated else 'units'} are saturated."
    )


activation = Picture("activation", lambda shown: _activation(), _activation_rows, _activation_says)


@cache
def _plane() -> dict[str, Any]:
    x = alt.X("re:Q", title="real part", scale=alt.Scale(nice=False))
    y = alt.Y("im:Q", title="imaginary part", scale=alt.Scale(nice=False))
    circle = (
        alt.Chart(named("circle"))
        .mark_line(color=ORANGE, strokeWidth=2)
        .encode(x=x, y=y, order="i:Q")
    )
    frame = alt.Chart(named("frame")).mark_point(opacity=0).encode(x=x, y=y)
    values = (
        alt.Chart(named("eigenvalues"))
        .mark_point(filled=True, size=34, color=BLUE)
        .encode(x=x, y=y, tooltip=["re:Q", "im:Q", alt.Tooltip("size:Q", title="size")])
    )
    left = (frame + circle + values).properties(
        width=SIDE, height=SIDE, title="eigenvalues, and the unit circle"
    )
    one = (
        alt.Chart(named("ones"))
        .mark_rule(color=ORANGE, strokeWidth=2)
        .encode(y="at:Q", tooltip=["mark:N"])
    )
    sigma = (
        alt.Chart(named("singular"))
        .mark_point(filled=True, size=34, color=GREEN, shape="square")
        .encode(
            x=alt.X("i:Q", title="singular value, largest first", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1, tickCount=5)),
            y=alt.Y("sigma:Q", title="σ"),
            tooltip=["i:Q", "sigma:Q"],
        )
    )  # fmt: skip
    right = (one + sigma).properties(width=SIDE, height=SIDE, title="singular values, and 1")
    return spec_of(alt.hconcat(left, right))


def _plane_rows(shown: Measured) -> Rows:
    eigenvalues = np.linalg.eigvals(shown.W_R)
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


def _plane_says(shown: Measured) -> str:
    weights = shown.layer.spectrum
    outside = int((np.abs(np.linalg.eigvals(shown.W_R)) > 1).sum())
    return (
        f"Eigenvalues of W_R in the complex plane: the largest has size {weights.radius:.2f}, {outside} lie outside the "
        f"unit circle. The largest singular value is {weights.sigma_max:.2f}."
    )


plane = Picture("plane", lambda shown: _plane(), _plane_rows, _plane_says)
