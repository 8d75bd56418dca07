"""A sweep in words and numbers: what was varied, what came out, what failed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from bptt.diagnosis import VERDICT_CODES
from bptt.presentation.figure import Table
from bptt.presentation.formatting import percent, short, to_its_error
from bptt.sweeps.maps.crossings import zero_line
from bptt.sweeps.maps.grid import Axis, Grid, Panel, grid, varied_in, words
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.rows import CONFIGURATION

FEW = 5  # the most crossings that are written out
ROWS, COLUMNS = 14, 9  # the most of a table
TOGETHER = 2  # the most panels that are described one by one
ERRORS = 8  # the most kinds that are listed
WITHOUT_INPUTS = (
    "Without inputs a network of few units does not become chaotic where its rest state is lost, at a gain of about 1: "
    "it runs in cycles at first, with λ₁ close to 0."
)


def counted(rows: Rows, varied: tuple[str, ...]) -> str:
    """How many points there are, and over which fields."""
    over = []
    for name in varied:
        count = len(rows.distinct(name))
        over.append(words(name) + (f" ({count})" if 2 * count <= len(rows) else ""))
    return f"{len(rows):,} points" + (f" over {', '.join(over)}" if over else "")


def counted_in(rows: Rows, name: str) -> dict[Any, int]:
    """How many rows have each value of a column."""
    column = rows.coded(name)
    counts = np.bincount(column.codes, minlength=len(column.values)).tolist()
    return dict(zip(column.values, counts, strict=True))


def verdicts(rows: Rows) -> str:
    """The share of each verdict, and how many failed."""
    measured = rows.where("status", "ok")
    counts, total = counted_in(rows.some(measured), "verdict"), int(measured.sum())
    parts = [
        f"{percent(counts[name] / total)} {name}" for name in VERDICT_CODES if counts.get(name)
    ]
    failed = len(rows) - total
    if failed:
        parts.append(f"{failed:,} failed" if total else "every point failed")
        parts[:-1] = [", ".join(parts[:-1]) + f" of {total:,} measured"] if total else []
    return ", ".join(parts) or "no points"


def errors(rows: Rows) -> list[tuple[str, int]]:
    """The errors, most frequent first, with how many points have each."""
    counts = Counter(counted_in(rows.some(rows.where("status", "failed")), "error"))
    return [(error or "no reason given", count) for error, count in counts.most_common(ERRORS)]


def diverged(rows: Rows) -> int:
    """How many were measured, but their training broke off."""
    return int((rows.where("status", "ok") & ~rows.where("error", None)).sum())


def zeros(layout: Grid, few: int = FEW) -> list[str]:
    """Where λ₁ is zero in every panel, for at most ``few`` values of the field upward."""
    sentences = []
    for panel in layout.panels:
        along, chosen = zero_line(panel, layout)
        if len(chosen) > few:
            chosen = [chosen[i] for i in _some(len(chosen), few)]
        for each in chosen:
            where = [panel.title, *(f"{words(n)} {short(v)}" for n, v in each.of.items())]
            at = ", ".join(part for part in where if part)
            theory = "" if each.theory is None else f"; mean field says {short(each.theory)}"
            sentences.append(
                f"λ₁ = 0 at {words(along)} {to_its_error(each.at, each.stderr)}"
                + (f" for {at}" if at else "")
                + theory
                + "."
            )
    return sentences


def findings(
    rows: Rows, x: str | None = None, y: str | None = None, split: str | Sequence[str] | None = None
) -> list[str]:
    """Where the gradient turns from vanishing to exploding, in sentences; none where nothing says so.

    Args:
        rows: of the sweep.
        x: the field along the map's horizontal axis; chosen if None.
        y: the field along its vertical axis; chosen if None.
        split: the fields that have a panel per value.

    Raises:
        OptionError: as ``grid``.
    """
    if not varied_in(rows):
        return []
    sentences = zeros(grid(rows, x, y, "lyapunov", split))
    if any("input variance 0;" in sentence for sentence in sentences):
        sentences.append(WITHOUT_INPUTS)
    return sentences


def finding(layout: Grid) -> str:
    """What a map shows, with numbers: where its measure is largest and smallest, and where λ₁ is zero."""
    several = len(layout.panels) > TOGETHER
    parts = zeros(layout, 2) if layout.measure == "lyapunov" and not several else []
    if several:
        return _extremes(layout)
    for panel in layout.panels:
        at = f"{panel.title}: " if panel.title else ""
        finite = np.isfinite(panel.mean)
        if not finite.any():
            parts.append(f"{at}no point gave a number.")
            continue
        low, high = (
            np.unravel_index(pick(np.where(finite, panel.mean, fill)), panel.mean.shape)
            for pick, fill in ((np.argmin, np.inf), (np.argmax, -np.inf))
        )
        parts.append(
            f"{at}from {short(panel.mean[low], 3)} at {_place(layout, low)} to {short(panel.mean[high], 3)} at "
            f"{_place(layout, high)}."
        )
    parts[-1] = parts[-1][:1].upper() + parts[-1][1:]
    return " ".join(parts)


def _extremes(layout: Grid) -> str:
    """The smallest and largest of many panels, and where they are."""
    cells = [
        (float(panel.mean[at]), panel, at)
        for panel in layout.panels
        for at in zip(*np.nonzero(np.isfinite(panel.mean)), strict=True)
    ]
    if not cells:
        return "No point gave a number."
    low, high = (pick(cells, key=lambda cell: cell[0]) for pick in (min, max))
    ends = [
        f"{short(value, 3)} ({panel.title}, {_place(layout, at)})"
        for value, panel, at in (low, high)
    ]
    return f"From {ends[0]} to {ends[1]}."


def how_read(layout: Grid) -> str:
    """What was averaged, what has no number, what lies beyond the scale."""
    parts = []
    if layout.averaged:
        over = ", ".join(words(name) for name in layout.averaged)
        parts.append(f"Each value is a mean over {over}.")
    if not layout.regular:
        parts.append("The points were drawn at random; each is one dot.")
    merged = [words(axis.name) for axis in (layout.x, layout.y) if axis and axis.merged]
    if merged and layout.regular:
        parts.append(f"Neighbouring values of {' and '.join(merged)} were merged.")
    empty = sum(int(((p.points > 0) & (p.numbers == 0)).sum()) for p in layout.panels)
    part = sum(int(((p.numbers > 0) & (p.numbers < p.points)).sum()) for p in layout.panels)
    if empty:
        parts.append(
            f"× marks {empty} where no point gave a number: it failed, or there is none to measure."
        )
    if part and layout.regular:
        parts.append(f"In {part} only some points gave a number; the mean is of these.")
    if any(np.isinf(p.mean).any() for p in layout.panels):
        parts.append("Infinite values have the colour of the scale's end.")
    if layout.y is not None:
        parts.append("Beyond the ends of the scale the colour stays the same.")
        if layout.measure == "lyapunov" and any(zero_line(p, layout)[1] for p in layout.panels):
            parts.append(
                "Dots mark where λ₁ is zero, with two standard errors on either side where it was repeated."
            )
    elif layout.averaged:
        parts.append("The band goes from the smallest to the largest of them.")
    return " ".join(parts)


def table(layout: Grid) -> Table:
    """The grid of means, thinned to what a person reads."""
    across = _some(len(layout.x.values), COLUMNS)
    up = _some(len(layout.y.values), ROWS) if layout.y else [0]
    heads = [words(layout.x.name) + " " + _at(layout.x, across[0])]
    heads += [_at(layout.x, i) for i in across[1:]]
    rows = []
    for panel in layout.panels:
        for j in up:
            label = [panel.title, f"{words(layout.y.name)} {_at(layout.y, j)}" if layout.y else ""]
            name = ", ".join(part for part in label if part) or "mean"
            rows.append((name, *(_cell(panel, j, i) for i in across)))
    return Table(("", *heads), tuple(rows))


def fixed(rows: Rows, varied: tuple[str, ...]) -> list[tuple[str, str]]:
    """(name, value) of every field that was the same in all points."""
    values = {name: rows.distinct(name) for name in CONFIGURATION if name not in varied}
    return [(words(name), short(of[0])) for name, of in values.items() if of and of[0] is not None]


def _place(layout: Grid, at: Any) -> str:
    across = f"{words(layout.x.name)} {_at(layout.x, at[1])}"
    return across + (f", {words(layout.y.name)} {_at(layout.y, at[0])}" if layout.y else "")


def _at(axis: Axis, i: Any) -> str:
    return short(axis.values[int(i)])


def _cell(panel: Panel, j: int, i: int) -> str:
    if not panel.points[j, i]:
        return ""
    mean = panel.mean[j, i]
    return "×" if np.isnan(mean) else short(mean, 3)


def _some(count: int, most: int) -> list[int]:
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, most)).round()})


def median(rows: Rows, column: str, form: str) -> str:
    """The middle of a column, written; "" where there are no numbers."""
    values = rows.numbers(column)
    values = values[~np.isnan(values)]
    return form.format(float(np.median(values))) if len(values) else ""


def constant(layout: Grid) -> str | None:
    """The one value that all points of a map have, in a sentence; None where they differ."""
    values = np.concatenate([panel.mean[np.isfinite(panel.mean)] for panel in layout.panels])
    unlike = any(np.isinf(panel.mean).any() for panel in layout.panels)
    if unlike or not len(values) or np.ptp(values) > 1e-12 * np.abs(values).max():
        return None
    return f"it is {short(float(values[0]), 3)} at every point."
