"""The charts of what multiplies the signal on a step back: W_R, the slopes, the carry."""

from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import RecurrenceDiagnosis
from bptt.gradients.by_lag.profile import (
    BETWEEN,
    CARRY,
    REST,
    SLOPE,
    SLOPES,
    TOGETHER,
    W_R,
    Profile,
)
from bptt.presentation.chart_style import (
    DASHDOT,
    DASHED,
    DOTTED,
    SOLID,
    curve_rows,
    data,
    lag_axis,
    lines,
    short,
    sized,
)
from bptt.presentation.colours import BLUE, GREEN, GREY, ORANGE, PURPLE

STYLES = {
    W_R: (BLUE, SOLID), SLOPE: (ORANGE, DOTTED), SLOPES: (ORANGE, DOTTED), REST: (ORANGE, DOTTED),
    BETWEEN: (PURPLE, DASHDOT), TOGETHER: (GREEN, DASHED),
}  # fmt: skip


def gains_of(profile: Profile) -> dict[str, Array]:
    """The factors of a step back but for the carry, which has a chart of its own."""
    return {name: values for name, values in profile.factors.items() if name != CARRY}


def gains(layer: RecurrenceDiagnosis) -> Any:
    """Gain of W_R, of the slopes, and together, per step back."""
    series = gains_of(layer.profile)
    rows = [row for name, values in series.items() for row in curve_rows(name, values)]
    if not rows:
        return None
    curves = lines(
        data(rows),
        lag_axis("from lag k to k+1"),
        alt.Y("value:Q", title="gain (ln per step)"),
        {name: STYLES[name] for name in series},
        ["of:N", "lag:Q", alt.Tooltip("value:Q", title="gain")],
        points=short(rows),
    )
    zero = alt.Chart(data([{"y": 0}])).mark_rule(color=GREY).encode(y="y:Q")
    return sized(zero + curves)


def carry(profile: Profile) -> Any:
    """Strength and share of the carry, per step back."""
    if profile.carry_gain is None or profile.carry_share is None:
        return None
    series = {"strength": np.exp(profile.carry_gain), "share": profile.carry_share}
    rows = [row for name, values in series.items() for row in curve_rows(name, values)]
    if not rows:
        return None
    curves = lines(
        data(rows),
        lag_axis("from lag k to k+1"),
        alt.Y("value:Q", title="strength, share", scale=alt.Scale(domain=[0, 1])),
        dict(zip(series, [(BLUE, SOLID), (ORANGE, DASHED)], strict=True)),
        ["of:N", "lag:Q", "value:Q"],
        points=short(rows),
    )
    return sized(curves)
