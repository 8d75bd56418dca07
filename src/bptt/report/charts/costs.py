"""Pictures of what truncating costs, of the carry, of errors by step, and of the Lyapunov spectrum."""

from typing import Any

import altair as alt
import numpy as np

from bptt.dynamics import Exponents
from bptt.gradients.by_lag import LagProfile
from bptt.gradients.by_step import StepProfile
from bptt.presentation.chart_style import DASHED, FLUSH, SOLID, data, lines, marked, sized, thinned
from bptt.presentation.colours import BLUE, GREY, ORANGE


def truncation(profile: LagProfile, marked_at: int | None) -> Any:
    """Relative bias against K, sliding window and chunks, with the user's K marked."""
    if profile.log10_whole == -np.inf:
        return None
    last = max(profile.horizon(0.999) + 1, marked_at or 1, 8)
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
    curves = lines(
        rows,
        alt.X("K:Q", title="K (steps)", scale=FLUSH, axis=alt.Axis(tickMinStep=1)),
        alt.Y("bias:Q", title="relative bias", axis=alt.Axis(format="%")),
        "of",
        dict(zip(names, [(BLUE, SOLID), (ORANGE, DASHED)], strict=True)),
        ["of:N", "K:Q", alt.Tooltip("bias:Q", format=".1%")],
    )
    if marked_at is None:
        return sized(curves)
    return sized(marked(curves, "K", {f"your K = {marked_at}": marked_at}, GREY))


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
    curves = lines(
        rows,
        alt.X("lag:Q", title="from lag k to k+1", scale=FLUSH, axis=alt.Axis(tickMinStep=1)),
        alt.Y("value:Q", title="strength, share", scale=alt.Scale(domain=[0, 1])),
        "of",
        dict(zip(series, [(BLUE, SOLID), (ORANGE, DASHED)], strict=True)),
        ["of:N", "lag:Q", "value:Q"],
    )
    return sized(curves)


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
    curves = lines(
        rows,
        alt.X("step:Q", title="step s", scale=FLUSH, axis=alt.Axis(tickMinStep=1)),
        alt.Y(
            "size:Q", title="‖∂E/∂h_s‖", axis=alt.Axis(format=".0e"), scale=alt.Scale(type="log")
        ),
        "of",
        dict(zip(series, [(ORANGE, DASHED), (BLUE, SOLID)], strict=True)),
        ["of:N", "step:Q", "size:Q"],
    )
    return sized(curves)


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
    return sized(zero + bars + points)
