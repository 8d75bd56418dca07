"""A sweep drawn: a map over two of its fields, or a curve over one."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array
from bptt.presentation.chart_style import DASHED, HEIGHT, SOLID, WIDTH, data
from bptt.presentation.colours import GREY
from bptt.sweeps.maps.crossings import mean_field_line
from bptt.sweeps.maps.curve import curve
from bptt.sweeps.maps.encodings import (
    MISSING,
    SIGNED,
    axis_tooltip,
    colour,
    drawn_value,
    missing_mark,
    position,
)
from bptt.sweeps.maps.grid import Axis, Grid, Panel, words
from bptt.sweeps.maps.zeros import HALO, INK, connected, dots, measured_zeros

MEASURED, THEORY = "λ₁ = 0, measured", "λ₁ = 0, mean field"
SMALL, COLUMNS = 172, 3  # size and number in a row of small multiples
PARTS = ("solved", "memory")  # of 1; below 0 an R² says nothing
WIDEST = 0.95  # part of the values that a scale of colours tells apart; the rest has its ends
POINTS = 300  # of the measured lines in one picture
SCATTERED = 5_000  # points drawn of a sample: its first ones are a sample too
FINE = 3  # pixels of a cell below which it gets no cross


def chart(grid: Grid) -> Any:
    """The picture of a grid: small multiples if there are several panels."""
    several = len(grid.panels) > 1
    size = (SMALL, SMALL) if several else (WIDTH, HEIGHT + 120 if grid.y else HEIGHT + 40)
    ends = scale_of(grid)
    charts = [
        (_map(panel, grid, ends, size) if grid.y else curve(panel, grid, size)).properties(
            width=size[0], height=size[1], **({"title": panel.title} if several else {})
        )
        for panel in grid.panels
    ]
    if not several:
        return charts[0]
    return alt.concat(*charts, columns=COLUMNS)


def scale_of(grid: Grid) -> tuple[float, float]:
    """The numbers that the ends of the scale stand for: symmetric where zero is in the middle."""
    values = np.concatenate([_values(panel, grid) for panel in grid.panels])
    values = values[np.isfinite(values)]
    if grid.measure in PARTS:
        return 0.0, 1.0
    if not len(values):
        return -1.0, 1.0
    if grid.measure in SIGNED:
        end = float(np.quantile(np.abs(values), WIDEST))
        weaker = min(
            float(values.max()), -float(values.min())
        )  # of the two sides: it must be seen too
        end = _rounded(min(end, 2 * weaker) if weaker > 0.05 * end else end) or 1.0
        return -end, end
    low, high = (_rounded(float(np.quantile(values, q))) for q in (1 - WIDEST, WIDEST))
    return (low, high) if low < high else (low - 1, high + 1)


def _map(panel: Panel, grid: Grid, ends: tuple[float, float], size: tuple[int, int]) -> Any:
    assert grid.y is not None
    layers = _cells(panel, grid, ends, size) if grid.regular else _scattered(panel, grid, ends)
    zeros = measured_zeros(panel, grid)
    lines = {MEASURED: connected(zeros), THEORY: []}
    theory = mean_field_line(panel, grid)
    if theory is not None:
        lines[THEORY] = [theory]
    layers += _lines(lines, grid)
    layers += dots(zeros, grid)
    return alt.layer(*layers).resolve_scale(strokeDash="independent", shape="independent")


def _cells(panel: Panel, grid: Grid, ends: tuple[float, float], size: tuple[int, int]) -> list[Any]:
    """A rectangle per cell; × where no point gave a number."""
    x, y = grid.x, grid.y
    assert y is not None
    rows, missing, wide_as = [], [], _own_edges(panel, grid)
    for j, i in zip(*np.nonzero(panel.points), strict=True):
        place = {"i": int(i), "j": int(j)} | wide_as(int(j), int(i))
        place |= {k: axis.values[n] for k, axis, n in (("x", x, i), ("y", y, j)) if axis.kind == "named"}  # fmt: skip
        if panel.numbers[j, i] and not np.isnan(panel.mean[j, i]):
            rows.append(place | drawn_value(float(panel.mean[j, i]), ends))
        else:
            missing.append(place)
    encoding: dict[str, Any] = {}
    for k, axis in (("x", x), ("y", y)):
        encoding[k] = position(k, axis)
        if axis.kind != "named":
            encoding[f"{k}2"] = f"{k}2:Q"
            encoding[k] = position(k, axis, field=f"{k}1")
    tooltip = [
        axis_tooltip("x", x),
        axis_tooltip("y", y),
        alt.Tooltip("text:N", title=words(grid.measure)),
    ]
    layers: list[Any] = [
        _placed(rows, x, y)
        .transform_calculate(text="isValid(datum.w) ? datum.w : format(datum.v, '.3~g')")
        .mark_rect(
            x2Offset=0.6, y2Offset=-0.6, clip=True
        )  # or there are gaps between cells on paper
        .encode(**encoding, color=colour(grid.measure, ends), tooltip=tooltip)
    ]
    if missing:
        wide = min(size[0] / len(x.values), size[1] / len(y.values))
        crosses = (
            _placed(missing, x, y)
            .mark_point(size=max(FINE, 0.25 * min(wide, 30)) ** 2, strokeWidth=1.2, color=GREY)
            .encode(
                x=position("x", x), y=position("y", y), shape=missing_mark(),
                tooltip=[axis_tooltip("x", x), axis_tooltip("y", y), "mark:N"],
            )
        )  # fmt: skip
        layers.append(crosses)
    return layers


def _own_edges(panel: Panel, grid: Grid) -> Callable[[int, int], dict[str, float]]:
    """Where the cells of a row meet, if rows have points at different places, after a refinement: no gap between them."""
    x = grid.x
    if x.kind == "named" or (panel.points > 0).all() or grid.y is None:
        return lambda j, i: {}
    edges: dict[tuple[int, int], dict[str, float]] = {}
    for j, row in enumerate(panel.points > 0):
        there = np.flatnonzero(row)
        if len(there) > 1:
            own = replace(x, values=tuple(x.values[i] for i in there)).edges()
            for n, i in enumerate(there.tolist()):
                edges[j, i] = {"a": own[n], "b": own[n + 1]}
    return lambda j, i: edges.get((j, i), {})


def _scattered(panel: Panel, grid: Grid, ends: tuple[float, float]) -> list[Any]:
    """A dot per point, as they were drawn."""
    x, y = grid.x, grid.y
    assert y is not None
    rows, missing = [], []
    for row in panel.rows.some(slice(SCATTERED)).dicts():
        value = row[grid.measure]
        at = {
            k: row[axis.name] if axis.kind != "named" else axis.values[axis.place[row[axis.name]]]
            for k, axis in (("x", x), ("y", y))
        }
        if value is None:
            missing.append(at | {"mark": MISSING})
        else:
            rows.append(at | drawn_value(float(value), ends))
    tooltip = [axis_tooltip("x", x), axis_tooltip("y", y)]
    area = int(min(60, max(12, 30_000 / max(1, len(rows)))))
    layers: list[Any] = [
        alt.Chart(data(rows))
        .transform_calculate(text="isValid(datum.w) ? datum.w : format(datum.v, '.3~g')")
        .mark_circle(size=area, opacity=1, stroke=GREY, strokeWidth=0.8)
        .encode(
            x=position("x", x), y=position("y", y), color=colour(grid.measure, ends),
            tooltip=[*tooltip, alt.Tooltip("text:N", title=words(grid.measure))],
        )
    ]  # fmt: skip
    if missing:
        layers.append(
            alt.Chart(data(missing))
            .mark_point(size=area / 2, strokeWidth=1.2, color=GREY)
            .encode(
                x=position("x", x), y=position("y", y), shape=missing_mark(), tooltip=[*tooltip, "mark:N"]
            )
        )  # fmt: skip
    return layers


def _lines(lines: dict[str, list[Array]], grid: Grid) -> list[Any]:
    """The lines λ₁ = 0, dark on a light border, so that they are seen on every colour."""
    lines = {name: _fewer(several) for name, several in lines.items()}
    rows = [
        {"x": float(f"{x:.5g}"), "y": float(f"{y:.5g}"), "o": o, "l": f"{k}.{n}", "line": name}
        for k, (name, several) in enumerate(lines.items())
        for n, line in enumerate(several)
        for o, (x, y) in enumerate(line)
    ]
    if not rows:
        return []
    names = [name for name, several in lines.items() if several]
    assert grid.y is not None
    base = alt.Chart(data(rows)).encode(
        x=position("x", grid.x), y=position("y", grid.y), order="o:Q", detail="l:N"
    )
    dash = alt.StrokeDash(
        "line:N", title=None,
        scale=alt.Scale(domain=names, range=[{MEASURED: SOLID, THEORY: DASHED}[n] for n in names]),
        legend=alt.Legend(
            orient="top", symbolType="stroke", symbolSize=500, symbolStrokeColor=GREY,
            symbolStrokeWidth=2, columns=1 if len(grid.panels) > 1 else alt.Undefined,
        ),
    )  # fmt: skip
    return [
        base.mark_line(stroke=HALO, strokeWidth=4.5, opacity=0.75, clip=True, interpolate="linear"),
        base.mark_line(stroke=INK, strokeWidth=2, clip=True).encode(
            strokeDash=dash,
            tooltip=["line:N", axis_tooltip("x", grid.x), axis_tooltip("y", grid.y)],
        ),
    ]


def _fewer(lines: list[Array]) -> list[Array]:
    """The longest lines, thinned: noise has lines without end."""
    kept, left = [], POINTS
    for line in sorted(lines, key=len, reverse=True):
        thin = line[:: -(-len(line) // POINTS)]
        if len(thin) > left:
            break
        kept.append(thin)
        left -= len(thin)
    return kept


def _placed(rows: list[Any], x: Axis, y: Axis) -> Any:
    """A chart whose rows know their places; where these are is said once and not in every row."""
    chart = alt.Chart(data(rows))
    for k, axis, at in (("x", x, "i"), ("y", y, "j")):
        if axis.kind == "named":
            continue
        edges = json.dumps(axis.edges())
        values = json.dumps([float(f"{v:.6g}") for v in axis.values])
        chart = chart.transform_calculate(
            **{k: f"{values}[datum.{at}]", f"{k}1": _or("a", k, f"{edges}[datum.{at}]"), f"{k}2": _or("b", k, f"{edges}[datum.{at} + 1]")}
        )  # fmt: skip
    return chart.transform_calculate(mark=json.dumps(MISSING))


def _or(own: str, k: str, usual: str) -> str:
    """An edge across: a row's own one, where it has some."""
    return f"isValid(datum.{own}) ? datum.{own} : {usual}" if k == "x" else usual


def _values(panel: Panel, grid: Grid) -> Array:
    """All numbers that get a colour."""
    if grid.regular:
        return panel.mean.ravel()
    return panel.rows.some(slice(SCATTERED)).numbers(grid.measure)


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")
