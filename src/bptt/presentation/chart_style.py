"""What all charts share: sizes, colours, how rows get in, how series are told apart."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from bptt.arrays import Array
from bptt.presentation.colours import BLUE, GREY, ORANGE

SOLID, DASHED, DOTTED = [1, 0], [7, 3], [2, 2]
WIDTH, HEIGHT = 680, 260
FLUSH = alt.Scale(nice=False)  # an axis that ends where the data do
FEW = 24  # points of a curve from which on it needs no marks to be seen


def thinned(values: Array, most: int = 300) -> list[tuple[int, float]]:
    """(lag, value) pairs, at most so many."""
    stride = -(-len(values) // most) or 1
    return [(k, float(values[k])) for k in range(0, len(values), stride)]


def data(rows: list[Any]) -> Any:
    """Rows as Altair takes them, inside the chart."""
    with debug_mode(False):  # a check of every row against the schema would take seconds
        return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def sized(chart: Any, height: int = HEIGHT) -> Any:
    """A chart of the page's size."""
    return chart.properties(width=WIDTH, height=height)


def stage_styles(names: list[str]) -> dict[str, tuple[str, list[int]]]:
    """Of (before and) now: before is grey and dashed."""
    styles = [(GREY, DASHED), (BLUE, SOLID)][-len(names) :]
    return dict(zip(names, styles, strict=True))


def lines(
    rows: list[Any],
    x: Any,
    y: Any,
    of: str,
    styles: Mapping[str, tuple[str, list[int]]],
    tooltip: list[Any],
) -> Any:
    """A curve per series, told apart by colour and by dash.

    Args:
        rows: the data; every point of every series.
        x: the channel.
        y: the channel.
        of: the field that names the series.
        styles: {series: (colour, dash)}, in the order of the legend.
        tooltip: what a point says.
    """
    names = list(styles)
    legend = (
        alt.Legend(orient="top", symbolType="stroke", symbolSize=500, symbolStrokeWidth=2)
        if len(names) > 1
        else None
    )
    colour, dash = (
        alt.Scale(domain=names, range=[style[part] for style in styles.values()]) for part in (0, 1)
    )
    short = min(Counter(row[of] for row in rows).values()) < FEW
    point = alt.OverlayMarkDef(size=28, strokeWidth=0, filled=True) if short else False
    return (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2, point=point)
        .encode(
            x=x,
            y=y,
            color=alt.Color(f"{of}:N", title=None, sort=names, scale=colour, legend=legend),
            strokeDash=alt.StrokeDash(f"{of}:N", title=None, sort=names, scale=dash, legend=legend),
            tooltip=tooltip,
        )
    )


def marked(chart: Any, field: str, marks: Mapping[str, int], colour: str = ORANGE) -> Any:
    """A chart with upright rules, each named in a legend of its own: {name: place}."""
    dashes = [[6, 4], [2, 3]][-len(marks) :]
    rules = (
        alt.Chart(data([{field: place, "mark": name} for name, place in marks.items()]))
        .mark_rule(color=colour, strokeWidth=2)
        .encode(
            x=f"{field}:Q",
            strokeDash=alt.StrokeDash(
                "mark:N", title=None, scale=alt.Scale(domain=list(marks), range=dashes),
                legend=alt.Legend(
                    orient="top", symbolSize=500, symbolStrokeColor=colour, symbolStrokeWidth=2
                ),
            ),
            tooltip=["mark:N"],
        )
    )  # fmt: skip
    return (chart + rules).resolve_scale(color="independent", strokeDash="independent")
