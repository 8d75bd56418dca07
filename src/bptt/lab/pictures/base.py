"""A picture of the live page: a chart that is drawn once, and the rows that it is fed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import altair as alt

from bptt.presentation.chart_style import Row, Rows, fed


@dataclass(frozen=True)
class Picture:
    """A chart that is fed.

    Attributes:
        key: its name.
        spec: what is shown -> the Vega-Lite chart, with named data and no rows.
        rows: what is shown -> the rows by name.
        sentence: what is shown -> the finding in a sentence or two, for a screen reader.
    """

    key: str
    spec: Callable[[Any], dict[str, Any]]
    rows: Callable[[Any], Rows]
    sentence: Callable[[Any], str]


def spec_of(chart: Any) -> dict[str, Any]:
    """The chart as a dictionary."""
    spec: dict[str, Any] = chart.to_dict()
    return spec


def with_note(chart: Any) -> Any:
    """A chart with room for one sentence, for where there is nothing to draw; see ``note_rows``."""
    note = (
        alt.Chart(fed("note"))
        .mark_text(align="left", fontSize=13)
        .encode(x=alt.value(16), y=alt.value(60), text="note:N")
    )
    return chart + note


def note_rows(sentence: str, rows: list[Row]) -> dict[str, list[Row]]:
    """The sentence, if there are no rows."""
    return {"note": [] if rows else [{"note": sentence}]}
