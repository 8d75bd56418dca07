"""Pictures of what truncating costs, of the carry, of errors by step, and of the Lyapunov spectrum."""

from typing import Any

import altair as alt
import numpy as np

from bptt.by_step import StepProfile
from bptt.dynamics import Exponents
from bptt.lags import LagProfile
from bptt.report.charts.base import BLUE, FLUSH, GREY, ORANGE, data, sized, thinned


def truncation(profile: LagProfile, marked: int | None) -> Any:
    """Relative bias against K, sliding window and chunks, with the user's K marked."""
    if profile.log10_whole == -np.inf:
        return None
    last = max(profile.horizon(0.999) + 1, marked or 1, 8)
    longest = len(profile.lags) if profile.rest else 2 * last
    Ks = np.unique(np.geomspace(1, min(2 * last, max(longest, 1)), 120).astype(int))
    names = ["sliding window", "chunks"]
    rows = [
        {
            "K": int(K),
            "bias": round(profile.truncation(int(K), name == "chunks").relative_bias, 5),
            "of": name,
        }
        for name in names
        for K in Ks
    ]
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("K:Q", title="K (steps)", scale=FLUSH, axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("bias:Q", title="relative bias", axis=alt.Axis(format="%")),
            color=alt.Color(
                "of:N", title=None, sort=names,
                scale=alt.Scale(domain=names, range=[BLUE, ORANGE]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["of:N", "K:Q", alt.Tooltip("bias:Q", format=".1%")],
        )
    )  # fmt: skip
    marks = [{"K": marked, "mark": f"your K = {marked}"}] if marked else []
    if not marks:
        return sized(lines, "Line chart: bias of the gradient by truncation length.")
    rule = (
        alt.Chart(data(marks))
        .mark_rule(color=GREY)
        .encode(
            x="K:Q",
            strokeDash=alt.StrokeDash(
                "mark:N", title=None, scale=alt.Scale(range=[[6, 4]]),
                legend=alt.Legend(orient="top", symbolStrokeColor=GREY),
            ),
        )
    )  # fmt: skip
    return sized(lines + rule, "Line chart: bias of the gradient by truncation length.")


def carry(profile: LagProfile) -> Any:
    """Strength and share of the carry, per step back."""
    if profile.carry_gain is None or profile.carry_share is None:
        return None
    series = {"strength": np.exp(profile.carry_gain), "share": profile.carry_share}
    rows = [
        {"lag": k, "value": round(float(v), 4), "of": name}
        for name, values in series.items()
        for k, v in thinned(values)
        if np.isfinite(v)
    ]
    if not rows:
        return None
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("lag:Q", title="from lag k to k+1", scale=FLUSH, axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "of:N", title=None, sort=list(series),
                scale=alt.Scale(domain=list(series), range=[BLUE, ORANGE]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["of:N", "lag:Q", "value:Q"],
        )
    )  # fmt: skip
    return sized(lines, "Line chart: strength and share of the carry by lag.")


def errors(steps: StepProfile) -> Any:
    """RMS norm of the immediate and of the total error of h, by step, log scale."""
    series = {"immediate": steps.immediate, "total": steps.total}
    rows = [
        {"step": t, "size": float(f"{v:.4g}"), "of": name}
        for name, values in series.items()
        for t, v in thinned(values)
        if 0 < v < np.inf
    ]
    if not rows:
        return None
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=14))
        .encode(
            x=alt.X("step:Q", title="step s", scale=FLUSH, axis=alt.Axis(tickMinStep=1)),
            y=alt.Y(
                "size:Q", title="‖∂E/∂h_s‖", axis=alt.Axis(format=".0e"),
                scale=alt.Scale(type="log"),
            ),
            color=alt.Color(
                "of:N", title=None, sort=list(series),
                scale=alt.Scale(domain=list(series), range=[ORANGE, BLUE]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["of:N", "step:Q", "size:Q"],
        )
    )  # fmt: skip
    return sized(lines, "Line chart: immediate and total gradient of the states by step.")


def exponents(found: Exponents | None) -> Any:
    """The leading exponents, largest first, with their standard errors."""
    if found is None or not np.isfinite(found.exponents).any():
        return None
    rows = [
        {
            "i": i,
            "value": round(float(v), 4),
            "low": round(float(v - s), 4),
            "high": round(float(v + s), 4),
        }
        for i, (v, s) in enumerate(zip(found.exponents, found.stderr, strict=True), 1)
        if np.isfinite(v) and np.isfinite(s)
    ]
    x = alt.X("i:O", title="exponent, largest first", axis=alt.Axis(labelAngle=0))
    base = alt.Chart(data(rows))
    points = base.mark_point(filled=True, size=60, color=BLUE).encode(
        x=x, y=alt.Y("value:Q", title="λ (ln per step)"), tooltip=["i:O", "value:Q"]
    )
    bars = base.mark_rule(color=BLUE).encode(x=x, y="low:Q", y2="high:Q")
    zero = alt.Chart(data([{"y": 0}])).mark_rule(color=GREY).encode(y="y:Q")
    return sized(zero + bars + points, "Dot plot: leading Lyapunov exponents.")
