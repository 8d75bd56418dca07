"""The chart of the signal of every loss step: a row each, fading as it is carried back."""

from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag import Profile
from bptt.presentation.chart_style import FLUSH, HEIGHT, data, sized

CELLS = 96  # most rows and columns of the heat map
FEW = 30  # loss steps that get a row each in it


def of_one_step(profile: Profile) -> bool:
    """Whether a single loss step has a signal: there is nothing to compare."""
    signal = profile.log10_signal_by_step
    return signal is not None and int(np.isfinite(signal).any(1).sum()) == 1


def loss_steps(profile: Profile) -> Any:
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
