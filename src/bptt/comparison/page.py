"""A comparison as one HTML file."""

from typing import Any

from bptt.comparison.heads import HEADS
from bptt.presentation.figure import Table, figure
from bptt.presentation.formatting import listed
from bptt.presentation.template import drawable, rendered


def page(comparison: Any) -> str:
    """The whole file as text.

    Args:
        comparison: a ``Comparison``.
    """
    heading = f"{comparison.title[:1].upper()}{comparison.title[1:]}, by lag"
    drawn = drawable(
        figure(
            "compared", heading, comparison.said, comparison.chart,
            lambda: _finding(comparison), lambda: _thinned(comparison),
        )
    )  # fmt: skip
    return rendered(
        "comparison.html.j2",
        [drawn],
        title=listed(tuple(comparison.groups)),
        said=comparison.said,
        first=drawn,
        heads=HEADS,
        rows=comparison.numbers(),
        sources=[(name, ", ".join(sorted({run.source for run in runs}))) for name, runs in comparison.groups.items()],
    )  # fmt: skip


def _finding(comparison: Any) -> str:
    return "; ".join(
        f"{row[0]}: horizon {row[2]}, signal at the needed lag {row[3]}"
        for row in comparison.numbers()
    )


def _thinned(comparison: Any) -> Table:
    """Middle and band at a few lags."""
    found = comparison.spreads()
    lags = sorted({int(lag) for at, _ in found.values() for lag in at})
    some = [lag for lag in lags if lag in (0, lags[-1]) or (lag & (lag - 1)) == 0]
    rows = []
    for lag in some:
        cells = [str(lag)]
        for at, of in found.values():
            here = [k for k, value in enumerate(at) if value == lag]
            cells.append(f"{of.middle[here[0]]:.3g} ({of.low[here[0]]:.3g} to {of.high[here[0]]:.3g})" if here else "")  # fmt: skip
        rows.append(tuple(cells))
    return Table(("lag", *found), tuple(rows))
