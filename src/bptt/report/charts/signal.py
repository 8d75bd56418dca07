"""Pictures of the gradient by lag: its size, its shares, the two gains, the signal of every loss step."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import LayerDiagnosis
from bptt.gradients.by_lag import LagProfile
from bptt.presentation.chart_style import (
    DASHED,
    DOTTED,
    FLUSH,
    HEIGHT,
    SOLID,
    WIDTH,
    data,
    lines,
    marked,
    sized,
    stage_styles,
    thinned,
)
from bptt.presentation.colours import BLUE, GREEN, GREY, ORANGE

Stages = Sequence[tuple[str, LayerDiagnosis]]
CELLS = 96  # most rows and columns of the heat map
FEW = 30  # loss steps that get a row each in it


def by_lag(stages: Stages) -> Any:
    """log10 ‖G_k‖ against k, a line per stage, with the horizon and the needed lag."""
    rows = [
        {"lag": k, "log10": round(float(v), 3), "stage": stage}
        for stage, layer in stages
        for k, v in thinned(layer.profile.log10_norm)
        if np.isfinite(v)
    ]
    if not rows:
        return None
    now = stages[-1][1]
    curves = lines(
        rows,
        alt.X(
            "lag:Q", title="lag k (steps back from the loss)", scale=FLUSH,
            axis=alt.Axis(tickMinStep=1),
        ),
        alt.Y(
            "log10:Q", title="size of the gradient's part, ‖G_k‖",
            axis=alt.Axis(labelExpr="'1e' + datum.value", tickMinStep=1), scale=alt.Scale(zero=False),
        ),
        "stage",
        stage_styles([stage for stage, _ in stages]),
        ["stage:N", "lag:Q", alt.Tooltip("log10:Q", title="log10 ‖G_k‖")],
    )  # fmt: skip
    marks = {f"horizon {now.horizon}": now.horizon, f"needed lag {now.needed_lag}": now.needed_lag}
    return sized(marked(curves, "lag", marks))


def shares(stages: Stages) -> Any:
    """Signed shares as bars, up to the lag that holds 99.9 % of Σ‖G_k‖; one row per stage."""
    names = [stage for stage, _ in stages]
    last = max(layer.profile.horizon(0.999) for _, layer in stages)
    rows = [
        {"lag": k, "share": float(f"{v:.4g}"), "stage": stage}
        for stage, layer in stages
        for k, v in enumerate(layer.profile.share[: last + 1])
        if np.isfinite(v)
    ]
    if not rows:
        return None
    bars = (
        alt.Chart(data(rows))
        .mark_bar(width={"band": 0.8} if last < 200 else 1)
        .encode(
            x=alt.X(
                "lag:O",
                title="lag k",
                axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=last < 60),
            ),
            y=alt.Y("share:Q", title="share of dW_R", axis=alt.Axis(format="%")),
            color=alt.condition("datum.share < 0", alt.value(ORANGE), alt.value(BLUE)),
            tooltip=["stage:N", "lag:O", alt.Tooltip("share:Q", format=".2%")],
        )
        .properties(width=WIDTH, height=HEIGHT // len(names) - 10 * (len(names) - 1))
    )
    row = alt.Row(
        "stage:N", title=None, sort=names, header=alt.Header(orient="top", labelAnchor="start")
    )
    chart = bars.encode(row=row).resolve_scale(y="independent") if len(names) > 1 else bars
    return chart


def gains(layer: LayerDiagnosis) -> Any:
    """Weight gain, activation gain and their sum, per step back."""
    profile = layer.profile
    names = ("activation φ′", "both together")
    if profile.carry_gain is not None:
        names = ("slopes of the gates", "the whole step, with the carry")
    series = {
        "W_R": profile.weight_gain,
        names[0]: profile.activation_gain,
        names[1]: profile.gain,
    }
    rows = [
        {"lag": k, "gain": round(float(v), 4), "of": name}
        for name, values in series.items()
        for k, v in thinned(values)
        if np.isfinite(v)
    ]
    if not rows:
        return None
    styles = dict(zip(series, [(BLUE, SOLID), (ORANGE, DOTTED), (GREEN, DASHED)], strict=True))
    curves = lines(
        rows,
        alt.X("lag:Q", title="from lag k to k+1", scale=FLUSH, axis=alt.Axis(tickMinStep=1)),
        alt.Y("gain:Q", title="gain (ln per step)"),
        "of",
        styles,
        ["of:N", "lag:Q", "gain:Q"],
    )
    zero = alt.Chart(data([{"y": 0}])).mark_rule(color=GREY).encode(y="y:Q")
    return sized(zero + curves)


def steps(profile: LagProfile) -> Any:
    """Signal of each loss step at each lag, as a heat map; few loss steps get a row each."""
    signal = profile.log10_signal_by_step
    if signal is None or not np.isfinite(signal).any():
        return None
    present = np.flatnonzero(np.isfinite(signal).any(1))
    few = len(present) <= FEW
    shown = signal[present] if few else signal
    rows = _cells(shown)
    axis = alt.Axis(tickMinStep=1, grid=False)
    if few:
        rows = [row | {"t": int(present[int(row["t"])])} for row in rows]
        y: dict[str, Any] = {"y": alt.Y("t:O", title="loss step t", sort="descending")}
    else:
        y = {"y": alt.Y("t:Q", title="loss step t", scale=FLUSH, axis=axis), "y2": "t2:Q"}
    chart = (
        alt.Chart(data(rows))
        .transform_calculate(  # here and not in every row: a third of the page's size
            k2=f"min(datum.k + {_stride(shown.shape[1])}, {shown.shape[1]})",
            t2=f"min(datum.t + {_stride(len(shown))}, {len(shown)})",
        )
        .mark_rect()
        .encode(
            x=alt.X("k:Q", title="lag k", scale=FLUSH, axis=axis),
            x2="k2:Q",
            **y,
            color=alt.Color(
                "v:Q", title="signal", scale=alt.Scale(scheme="viridis"),
                legend=alt.Legend(labelExpr="'1e' + datum.label", tickMinStep=1),
            ),
            tooltip=[
                alt.Tooltip("t:Q", title="loss step"), alt.Tooltip("k:Q", title="lag"),
                alt.Tooltip("v:Q", title="log10 signal"),
            ],
        )
    )  # fmt: skip
    height = max(90, 16 * len(present)) if few else HEIGHT + 120
    return sized(chart, height)


def _cells(signal: Array) -> list[dict[str, float]]:
    """Rectangles, at most CELLS along a side; a cell shows the strongest signal it covers."""
    T, K = signal.shape
    dt, dk = _stride(T), _stride(K)
    rows = []
    for t in range(0, T, dt):
        for k in range(0, K, dk):
            strongest = float(signal[t : t + dt, k : k + dk].max())
            if np.isfinite(strongest):
                rows.append({"t": t, "k": k, "v": round(strongest, 2)})
    return rows


def _stride(length: int) -> int:
    return -(-length // CELLS)
