"""A chart with everything that stands around it: what it shows, how it is read, its numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Numbers of a chart, thinned to what a person reads.

    Attributes:
        heads: one per column; the first column names the rows.
        rows: text, as many cells as heads.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart with its heading, its finding and one sentence on how to read it.

    Attributes:
        key: a short name.
        heading: what it shows.
        reading: how to read it.
        chart: the Altair chart; None where there is nothing to draw.
        missing: why there is not.
        finding: what this chart shows here, with its numbers: also for who cannot see it.
        table: its numbers, thinned.
    """

    key: str
    heading: str
    reading: str
    chart: Any
    missing: str = "every value is zero."
    finding: str = ""
    table: Table | None = None


def figure(
    key: str,
    heading: str,
    reading: str,
    chart: Any,
    finding: Callable[[], str],
    table: Callable[[], Table],
    missing: str = "every value is zero.",
) -> Figure:
    """A figure; its finding and its table are made only where there is a chart."""
    if chart is None:
        return Figure(key, heading, reading, None, missing)
    sentence = finding()
    described = chart.properties(description=f"{heading}. {sentence}")
    return Figure(key, heading, reading, described, missing, sentence, table())
