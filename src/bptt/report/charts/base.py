"""What all charts share: sizes, colours, how rows get in."""

from typing import Any

import altair as alt

from bptt.arrays import Array

# Okabe & Ito: told apart in every kind of colour blindness, on white and on black.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#888888"
WIDTH, HEIGHT = 680, 260
FLUSH = alt.Scale(nice=False)  # an axis that ends where the data do


def thinned(values: Array, most: int = 400) -> list[tuple[int, float]]:
    """(lag, value) pairs, at most so many."""
    stride = -(-len(values) // most) or 1
    return [(k, float(values[k])) for k in range(0, len(values), stride)]


def data(rows: list[Any]) -> Any:
    """Rows as Altair takes them, inside the chart."""
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def sized(chart: Any, description: str, height: int = HEIGHT) -> Any:
    """A chart of the page's size, with its text for a screen reader."""
    return chart.properties(width=WIDTH, height=height, description=description)
