"""Where λ₁ is zero, as it is drawn on a map: a dot per row with its error, and lines through neighbouring rows."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array
from bptt.presentation.chart_style import data
from bptt.sweeps.maps.crossings import zero_line
from bptt.sweeps.maps.encodings import axis_tooltip, position
from bptt.sweeps.maps.grid import Grid, Panel

INK, HALO = "#1b1b1f", "#ffffff"
ERRORS = 2  # standard errors that a bar has on either side
MOST = 300  # dots


@dataclass(frozen=True)
class Zero:
    """A place where λ₁ is zero.

    Attributes:
        x: across.
        y: upward.
        error: half of its bar.
        across: whether it was looked for across.
        place: of its row, or of its column.
    """

    x: float
    y: float
    error: float
    across: bool
    place: int


def measured_zeros(panel: Panel, grid: Grid) -> list[Zero]:
    """Where λ₁ is zero whatever else is drawn; the numbers of the sentences."""
    assert grid.y is not None
    along, found = zero_line(panel, grid)
    other = grid.y if along == grid.x.name else grid.x
    across = along == grid.x.name
    if other.kind == "named":
        return []
    return [
        Zero(
            each.at if across else each.of[other.name],
            each.of[other.name] if across else each.at,
            0.0 if each.stderr is None else ERRORS * each.stderr,
            across,
            other.place[each.of[other.name]],
        )
        for each in found
    ]


def connected(zeros: list[Zero]) -> list[Array]:
    """Lines through the zeros of neighbouring rows; two rows make no line."""
    parts: list[list[Zero]] = []
    for zero in sorted(zeros, key=lambda each: each.place):
        if not parts or zero.place > parts[-1][-1].place + 1:
            parts.append([])
        parts[-1].append(zero)
    return [np.array([(z.x, z.y) for z in part]) for part in parts if len(part) > 2]


def dots(zeros: list[Zero], grid: Grid) -> list[Any]:
    """A dot at each zero, and its error."""
    assert grid.y is not None
    rows = []
    for zero in zeros[:MOST]:
        row = {"x": float(f"{zero.x:.5g}"), "y": float(f"{zero.y:.5g}")}
        k = "x" if zero.across else "y"
        rows.append(row | {"low": row[k] - zero.error, "high": row[k] + zero.error})
    if not rows:
        return []
    base = alt.Chart(data(rows))
    at: dict[str, Any] = {"x": position("x", grid.x), "y": position("y", grid.y)}
    k = "x" if zeros[0].across else "y"
    bars = at | {k: position(k, grid.x if k == "x" else grid.y, field="low"), f"{k}2": "high:Q"}
    tooltip = [axis_tooltip("x", grid.x), axis_tooltip("y", grid.y)]
    layers = [base.mark_circle(opacity=1, size=22, color=INK, stroke=HALO, strokeWidth=0.8, clip=True).encode(**at, tooltip=tooltip)]  # fmt: skip
    if any(zero.error for zero in zeros):
        layers.insert(0, base.mark_rule(color=INK, strokeWidth=1.6, clip=True).encode(**bars))
    return layers
