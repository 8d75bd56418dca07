"""What all charts share: sizes, dashes, where their rows come from, how series and marks are told apart."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from altair.utils.schemapi import debug_mode

from bptt.arrays import Array
from bptt.presentation.colours import BLUE, GREY, ORANGE

SOLID, DASHED, DOTTED, DASHDOT = [1, 0], [7, 3], [2, 2], [8, 2, 2, 2]
RULES = (SOLID, [6, 4], [2, 3])  # of upright rules; the last ones where there are fewer
WIDTH, HEIGHT, LOW = 680, 260, 150
STROKE = 2
FLUSH = alt.Scale(nice=False)  # an axis that ends where the data do
SYMBOL, ACROSS = 6, 84  # letters that a legend's line takes, and that a chart has room for in a row
FEW = 24  # points of a curve from which on it needs no marks to be seen

# Of an axis of powers of ten. A curve of a single value has one tick, where it stands: that is no whole power.
POWERS = "datum.value == 0 ? '1' : datum.value == round(datum.value) ? '1e' + datum.value : format(pow(10, datum.value), '.1e')"

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
# The data of a chart by their name. A report's chart holds its rows; on the live page they come later.
Source = Callable[[str], Any]
Styles = Mapping[str, tuple[str, list[int]]]


def data(rows: Iterable[Row]) -> Any:
    """Rows as Altair takes them, inside the chart."""
    with debug_mode(False):  # a check of every row against the schema would take seconds
        return alt.Data(values=list(rows))  # type: ignore[no-untyped-call]


def inside(rows: Rows) -> Source:
    """The source of a chart that holds its rows."""
    return lambda name: data(rows[name])


def fed(name: str) -> Any:
    """The source of a chart whose rows come later, by name."""
    return alt.NamedData(name)


def thinned(values: Array, most: int = 300) -> list[tuple[int, float]]:
    """(lag, value) pairs, at most so many."""
    stride = -(-len(values) // most) or 1
    return [(k, float(values[k])) for k in range(0, len(values), stride)]


def curve_rows(name: str, values: Array, digits: int = 4, most: int = 300) -> list[Row]:
    """The rows of a curve by lag, where it is finite.

    Args:
        name: of the curve.
        values: (K,) one per lag.
        digits: decimals that are kept.
        most: points that are kept.
    """
    return [
        {"lag": k, "value": round(v, digits), "of": name}
        for k, v in thinned(values, most)
        if np.isfinite(v)
    ]


def short(rows: Iterable[Row]) -> bool:
    """Whether a curve among them has so few points that each needs a mark."""
    return min(Counter(row["of"] for row in rows).values(), default=0) < FEW


def sized(chart: Any, height: int = HEIGHT) -> Any:
    """A chart of the page's size."""
    return chart.properties(width=WIDTH, height=height)


def lag_axis(title: str) -> Any:
    """The channel of the lag, which ends where the data do."""
    return alt.X("lag:Q", title=title, scale=FLUSH, axis=alt.Axis(tickMinStep=1, tickCount=10))


def stage_styles(names: list[str]) -> Styles:
    """Of (before and) now: before is grey and dashed."""
    styles = [(GREY, DASHED), (BLUE, SOLID)][-len(names) :]
    return dict(zip(names, styles, strict=True))


def told_apart(
    styles: Styles, columns: int | None = None, title: str | None = None
) -> dict[str, Any]:
    """The channels of colour and dash of the field "of", with one legend on top where there are several series.

    Args:
        styles: {series: (colour, dash)}, in the order of the legend.
        columns: of the legend; as many as there is room for if None.
        title: of the legend, or None.
    """
    names = list(styles)
    if columns is None and sum(len(name) + SYMBOL for name in names) > ACROSS:
        columns = max(1, ACROSS // (max(map(len, names)) + SYMBOL))
    legend = alt.Legend(
        orient="top", symbolType="stroke", symbolSize=500, symbolStrokeWidth=STROKE, symbolOpacity=1,
        titleLimit=0, columns=alt.Undefined if columns is None else columns,
    )  # fmt: skip
    shown = legend if len(names) > 1 else None
    colour, dash = (
        alt.Scale(domain=names, range=[style[part] for style in styles.values()]) for part in (0, 1)
    )
    return {
        "color": alt.Color("of:N", title=title, sort=names, scale=colour, legend=shown),
        "strokeDash": alt.StrokeDash("of:N", title=title, sort=names, scale=dash, legend=shown),
    }


def lines(
    rows: Any,
    x: Any,
    y: Any,
    styles: Styles,
    tooltip: list[Any],
    *,
    points: bool = False,
    title: str | None = None,
) -> Any:
    """A curve per series, told apart by colour and by dash.

    Args:
        rows: the data, as a source gives them; every point of every series, its name in the field "of".
        x: the channel.
        y: the channel.
        styles: {series: (colour, dash)}, in the order of the legend.
        tooltip: what a point says.
        points: whether each point gets a mark; see ``short``.
        title: of the legend, or None.
    """
    point = alt.OverlayMarkDef(size=28, strokeWidth=0, filled=True) if points else False
    return (
        alt.Chart(rows)
        .mark_line(strokeWidth=STROKE, point=point)
        .encode(x=x, y=y, tooltip=tooltip, **told_apart(styles, title=title))
    )


def mark_rows(
    field: str,
    marks: Mapping[str, float],
    labels: Mapping[str, str] | None = None,
    last: float | None = None,
) -> list[Row]:
    """The rows of upright rules.

    Args:
        field: of the place.
        marks: {name: place}.
        labels: {name: what is said of it}; the name where it is not given.
        last: the end of the axis, near which a label stands to the left of its rule.
    """
    labels = labels or {}
    return [
        {
            field: place,
            "mark": name,
            "label": labels.get(name, name),
            "side": "left" if last is not None and place > 0.6 * last else "right",
        }
        for name, place in marks.items()
    ]


def marked(
    chart: Any,
    marks: Any,
    field: str,
    names: Sequence[str],
    colour: str = ORANGE,
    *,
    direct: bool = False,
) -> Any:
    """A chart with upright rules, told apart by their dashes.

    Args:
        chart: below the rules.
        marks: the data, as a source gives them; see ``mark_rows``.
        field: of the place.
        names: of the rules, in the order of the legend.
        colour: of the rules.
        direct: whether each is named beside it, by its label, and not in a legend.
    """
    legend = alt.Legend(
        orient="top", symbolType="stroke", symbolSize=500, symbolStrokeColor=colour,
        symbolStrokeWidth=STROKE,
    )  # fmt: skip
    dash = alt.StrokeDash(
        "mark:N", title=None, legend=None if direct else legend,
        scale=alt.Scale(domain=list(names), range=list(RULES[-len(names) :])),
    )  # fmt: skip
    base = alt.Chart(marks).encode(x=f"{field}:Q")
    rules = base.mark_rule(color=colour, strokeWidth=STROKE).encode(
        strokeDash=dash, tooltip=alt.Tooltip("label:N", title="mark")
    )
    ruled = (chart + rules).resolve_scale(color="independent", strokeDash="independent")
    if not direct:
        return ruled
    # The first low, the last high: a curve that falls leaves the horizon's foot free, one that rises its own.
    rows = alt.Y(
        "mark:N", axis=None, sort=list(names), scale=alt.Scale(range=[HEIGHT, 0], padding=0.2)
    )
    text = (
        base.mark_text(align="left", dx=4, fontSize=12),
        base.mark_text(align="right", dx=-4, fontSize=12),
    )
    labels = [
        side.encode(y=rows, text="label:N").transform_filter(f"datum.side == '{name}'")
        for name, side in zip(("right", "left"), text, strict=True)
    ]
    return alt.layer(ruled, alt.layer(*labels)).resolve_scale(y="independent")
