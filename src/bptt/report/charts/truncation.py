"""The chart of what truncating backpropagation costs; the live page draws the same."""

from typing import Any

import altair as alt
import numpy as np

from bptt.gradients.by_lag import Profile
from bptt.presentation.chart_style import (
    DASHED,
    FLUSH,
    SOLID,
    Row,
    Source,
    data,
    inside,
    lines,
    mark_rows,
    marked,
    sized,
)
from bptt.presentation.colours import BLUE, GREY, ORANGE

WINDOW, CHUNKS = "sliding window", "chunks"
BIAS = 0.05  # that the shortest K is asked for
STYLES = {WINDOW: (BLUE, SOLID), CHUNKS: (ORANGE, DASHED)}
LEVEL = [{"bias": BIAS}]


def truncation(profile: Profile, truncated_at: int | None = None) -> Any:
    """Relative bias against K for a sliding window and for chunks, with the user's K marked."""
    rows = truncation_rows(profile, truncated_at)
    if not rows:
        return None
    curves = truncation_curves(inside({"lines": rows, "level": LEVEL}))
    if truncated_at is None:
        return curves
    name = f"your K = {truncated_at}"
    return marked(curves, data(mark_rows("K", {name: truncated_at})), "K", [name], GREY)


def truncation_curves(source: Source) -> Any:
    """The chart of ``truncation_rows``, named "lines", and of ``LEVEL``, named "level"."""
    curves = lines(
        source("lines"),
        alt.X("K:Q", title="K (steps of backpropagation)", scale=FLUSH, axis=alt.Axis(tickMinStep=1, tickCount=10)),
        alt.Y("bias:Q", title="relative bias", axis=alt.Axis(format="%")),
        STYLES,
        ["of:N", "K:Q", alt.Tooltip("bias:Q", format=".1%")],
    )  # fmt: skip
    level = alt.Chart(source("level")).mark_rule(color=GREY, strokeDash=[2, 3]).encode(y="bias:Q")
    return sized(curves + level)


def truncation_rows(
    profile: Profile, truncated_at: int | None = None, most: int = 120
) -> list[Row]:
    """The bias at some K, as far as there is something to see; none where the gradient is zero.

    Args:
        profile: the gradient by lag.
        truncated_at: a K that must be among what is shown.
        most: values of K.
    """
    if profile.log10_whole == -np.inf:
        return []
    last = max((profile.horizon(0.999) or 0) + 1, truncated_at or 1, 8)
    longest = len(profile.lags) if profile.rest else 2 * last
    Ks = np.unique(np.geomspace(1, min(2 * last, max(longest, 1)), most).astype(int))
    return [
        {
            "K": int(K),
            "bias": round(profile.truncation(int(K), of == CHUNKS).relative_bias, 5),
            "of": of,
        }
        for of in STYLES
        for K in Ks
    ]
