"""Pictures of the Lyapunov exponents, and of what is forgotten by truncating."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np

from bptt.lab.measured import Measured
from bptt.lab.pictures.base import BLUE, GREY, ORANGE, WIDTH, Picture, Rows, named, series, spec_of

WINDOW, CHUNKS = "sliding window", "chunks"
BIAS = 0.05  # that the shortest K is asked for


@cache
def _exponents() -> dict[str, Any]:
    base = alt.Chart(named("exponents"))
    x = alt.X("i:O", title="exponent, largest first", axis=alt.Axis(labelAngle=0))
    points = base.mark_point(filled=True, size=70, color=BLUE).encode(
        x=x, y=alt.Y("value:Q", title="λ (ln per step)"), tooltip=["i:O", "value:Q"]
    )
    bars = base.mark_rule(color=BLUE).encode(x=x, y="low:Q", y2="high:Q")
    zero = alt.Chart(named("zero")).mark_rule(color=ORANGE, strokeWidth=2).encode(y="at:Q")
    return spec_of((zero + bars + points).properties(width=WIDTH, height=200))


def _exponents_rows(shown: Measured) -> Rows:
    found = shown.layer.exponents
    pairs = [] if found is None else zip(found.exponents, found.stderr, strict=True)
    rows = [
        {
            "i": i,
            "value": round(float(v), 4),
            "low": round(float(v - s), 4),
            "high": round(float(v + s), 4),
        }
        for i, (v, s) in enumerate(pairs, 1)
        if np.isfinite(v) and np.isfinite(s)
    ]
    return {"exponents": rows, "zero": [{"at": 0.0}]}


def _exponents_say(shown: Measured) -> str:
    found = shown.layer.exponents
    if found is None:
        return "Lyapunov exponents: the sequences are too short to measure them."
    return f"Lyapunov exponents: the largest is {found.exponents[0]:+.2f} ± {found.stderr[0]:.2f} per step."


exponents = Picture("exponents", lambda shown: _exponents(), _exponents_rows, _exponents_say)


@cache
def _truncation() -> dict[str, Any]:
    lines = (
        alt.Chart(named("lines"))
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("K:Q", title="K (steps of backpropagation)", scale=alt.Scale(nice=False), axis=alt.Axis(tickMinStep=1, tickCount=10)),
            y=alt.Y("bias:Q", title="relative bias", axis=alt.Axis(format="%")),
            tooltip=["of:N", "K:Q", alt.Tooltip("bias:Q", format=".1%")],
            **series([WINDOW, CHUNKS], [BLUE, ORANGE], [[1, 0], [6, 3]]),
        )
    )  # fmt: skip
    level = alt.Chart(named("level")).mark_rule(color=GREY, strokeDash=[2, 3]).encode(y="bias:Q")
    return spec_of((lines + level).properties(width=WIDTH, height=220))


def _truncation_rows(shown: Measured) -> Rows:
    profile = shown.layer.profile
    rows: list[dict[str, Any]] = []
    if np.isfinite(profile.log10_whole):
        Ks = np.unique(np.geomspace(1, len(profile.log10_norm), 60).round().astype(int))
        rows = [
            {
                "K": int(K),
                "bias": round(profile.truncation(int(K), of == CHUNKS).relative_bias, 5),
                "of": of,
            }
            for of in (WINDOW, CHUNKS)
            for K in Ks
        ]
    return {"lines": rows, "level": [{"bias": BIAS}]}


def _truncation_says(shown: Measured) -> str:
    profile = shown.layer.profile
    if not np.isfinite(profile.log10_whole):
        return "What truncating costs: the gradient is zero, there is nothing to lose."
    window, chunks = (profile.shortest_truncation(BIAS, chunked) for chunked in (False, True))
    said = [
        f"{name}: {'no K up to the length is enough' if K is None else f'K = {K}'}"
        for name, K in ((WINDOW, window), (CHUNKS, chunks))
    ]
    return f"What truncating costs. For a bias of 5 % the shortest is, {'; '.join(said)}."


truncation = Picture("truncation", lambda shown: _truncation(), _truncation_rows, _truncation_says)
