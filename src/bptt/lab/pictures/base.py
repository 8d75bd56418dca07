"""What the charts share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from bptt.arrays import Array

# Okabe & Ito: told apart in every kind of colour blindness, on white and on black.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#888888"
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
