"""What the charts share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array
from bptt.presentation.colours import BLUE, GREEN, GREY, ORANGE, PURPLE

__all__ = [
    "BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "WIDTH", "Picture", "Rows", "line", "named", "series", "spec_of",
]  # fmt: skip

WIDTH = 580
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Picture:
    """A chart that is fed.

    Attributes:
        key: its name.
        spec: what is shown -> the Vega-Lite chart, with named data and no rows.
        rows: what is shown -> the rows by name.
        says: what is shown -> the finding in a sentence or two, for a screen reader.
    """

    key: str
    spec: Callable[[Any], dict[str, Any]]
    rows: Callable[[Any], Rows]
    says: Callable[[Any], str]


def named(name: str) -> Any:
    """Data that come later, by name."""
    return alt.NamedData(name)


def spec_of(chart: Any) -> dict[str, Any]:
    """The chart as a dictionary; its data are named and empty, and need no schema's leave."""
    made: dict[str, Any] = chart.to_dict()
    return made


def note() -> Any:
    """A layer for one sentence, for where there is nothing to draw."""
    return (
        alt.Chart(named("note"))
        .mark_text(align="left", fontSize=13)
        .encode(x=alt.value(16), y=alt.value(60), text="note:N")
    )


def noted(sentence: str, rows: list[dict[str, Any]]) -> Rows:
    """The sentence, if there are no rows."""
    return {"note": [] if rows else [{"note": sentence}]}


def line(name: str, values: Array, key: str = "lag") -> list[dict[str, Any]]:
    """A series by lag, as far as it is finite."""
    return [
        {key: k, "value": round(float(v), 4), "of": name}
        for k, v in enumerate(values)
        if np.isfinite(v)
    ]


def series(
    names: Iterable[str], colours: Iterable[str], dashes: Iterable[list[int]]
) -> dict[str, Any]:
    """Colour and dash by the name of a series, with one legend on top."""
    names = list(names)
    legend = alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=2.5, symbolSize=300)
    return {
        "color": alt.Color(
            "of:N", title=None, sort=names, legend=legend,
            scale=alt.Scale(domain=names, range=list(colours)),
        ),
        "strokeDash": alt.StrokeDash(
            "of:N", title=None, sort=names, legend=legend,
            scale=alt.Scale(domain=names, range=list(dashes)),
        ),
    }  # fmt: skip
