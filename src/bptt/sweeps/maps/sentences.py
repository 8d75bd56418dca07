"""A sweep in words and numbers: what was varied, what came out, what failed."""

from collections import Counter
from typing import Any

import numpy as np

from bptt.diagnosis import VERDICT_CODES
from bptt.presentation.figure import Table
from bptt.presentation.formatting import short, to_its_error
from bptt.sweeps.maps.crossings import crossings
from bptt.sweeps.maps.grid import Axis, Grid, Panel, Rows, words
from bptt.sweeps.point.rows import CONFIGURATION

FEW = 5  # crossings that are said
ROWS, COLUMNS = 14, 9  # of a table
TOGETHER = 2  # panels that are spoken of one by one
ERRORS = 8  # kinds that are listed
WITHOUT_INPUTS = (
    "Without inputs a network of few units does not become chaotic where its rest state is lost, at a gain of about 1: "
    "it runs in cycles at first, with λ₁ close to 0."
)


def counted(rows: Rows, varied: tuple[str, ...]) -> str:
    """How many points there are, and over what."""
    over = []
    for name in varied:
        count = len({row[name] for row in rows})
        over.append(words(name) + (f" ({count})" if 2 * count <= len(rows) else ""))
    return f"{len(rows):,} points" + (f" over {', '.join(over)}" if over else "")


def verdicts(rows: Rows) -> str:
    """What part has each verdict, and how many failed."""
    found = Counter(row["verdict"] for row in rows if row["status"] == "ok")
    total = sum(found.values())
    parts = [f"{found[name] / total:.0%} {name}" for name in VERDICT_CODES if found[name]]
    failed = len(rows) - total
    if failed:
        parts.append(f"{failed:,} failed" if total else "every point failed")
        parts[:-1] = [", ".join(parts[:-1]) + f" of {total:,} measured"] if total else []
    return ", ".join(parts) or "no points"


def errors(rows: Rows) -> list[tuple[str, int]]:
    """The errors, most frequent first, with how many points have each."""
    found = Counter(row["error"] or "no reason given" for row in rows if row["status"] == "failed")
    return found.most_common(ERRORS)


def diverged(rows: Rows) -> int:
    """How many were measured, but their training broke off."""
    return sum(row["status"] == "ok" and row["error"] is not None for row in rows)


def zeros(drawn: Grid, few: int = FEW) -> list[str]:
    """Where λ₁ is zero, of so many values of the field upward, in every panel."""
    if drawn.x.kind == "named" or not drawn.regular:
        return []
    by = (drawn.y.name,) if drawn.y else ()
    sentences = []
    for panel in drawn.panels:
        found = crossings(panel.rows, drawn.x.name, by)
        if len(found) > few:
            found = [found[i] for i in np.linspace(0, len(found) - 1, few).round().astype(int)]
        for each in found:
            where = [panel.title, *(f"{words(n)} {short(v)}" for n, v in each.of.items())]
            at = ", ".join(part for part in where if part)
            theory = "" if each.theory is None else f"; mean field says {short(each.theory)}"
            sentences.append(
                f"λ₁ = 0 at {words(drawn.x.name)} {to_its_error(each.at, each.stderr)}"
                + (f" for {at}" if at else "")
                + theory
                + "."
            )
    return sentences


def findings(drawn: Grid) -> list[str]:
    """The same, and what is to be known of networks without inputs."""
    found = zeros(drawn)
    if any("for input variance 0;" in sentence for sentence in found):
        found.append(WITHOUT_INPUTS)
    return found


def finding(drawn: Grid) -> str:
    """What a map shows, with numbers: where its measure is largest and smallest, and where λ₁ is zero."""
    several = len(drawn.panels) > TOGETHER
    parts = zeros(drawn, 2) if drawn.measure == "lyapunov" and not several else []
    if several:
        return _extremes(drawn)
    for panel in drawn.panels:
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
            f"{at}from {short(panel.mean[low], 3)} at {_place(drawn, low)} to {short(panel.mean[high], 3)} at "
            f"{_place(drawn, high)}."
        )
    parts[-1] = parts[-1][:1].upper() + parts[-1][1:]
    return " ".join(parts)


def _extremes(drawn: Grid) -> str:
    """The smallest and largest of many panels, and where they are."""
    found = [
        (float(panel.mean[at]), panel, at)
        for panel in drawn.panels
        for at in zip(*np.nonzero(np.isfinite(panel.mean)), strict=True)
    ]
    if not found:
        return "No point gave a number."
    low, high = (pick(found, key=lambda one: one[0]) for pick in (min, max))
    said = [
        f"{short(value, 3)} ({panel.title}, {_place(drawn, at)})"
        for value, panel, at in (low, high)
    ]
    return f"From {said[0]} to {said[1]}."


def how_read(drawn: Grid) -> str:
    """What was averaged, what has no number, what lies beyond the scale."""
    parts = []
    if drawn.averaged:
        over = ", ".join(words(name) for name in drawn.averaged)
        parts.append(f"Each value is a mean over {over}.")
    if not drawn.regular:
        parts.append("The points were drawn at random; each is one dot.")
    merged = [words(axis.name) for axis in (drawn.x, drawn.y) if axis and axis.merged]
    if merged and drawn.regular:
        parts.append(f"Neighbouring values of {' and '.join(merged)} were merged.")
    empty = sum(int(((p.points > 0) & (p.numbers == 0)).sum()) for p in drawn.panels)
    part = sum(int(((p.numbers > 0) & (p.numbers < p.points)).sum()) for p in drawn.panels)
    if empty:
        parts.append(
            f"× marks {empty} where no point gave a number: it failed, or there is none to measure."
        )
    if part and drawn.regular:
        parts.append(f"In {part} only some points gave a number; the mean is of these.")
    if any(np.isinf(p.mean).any() for p in drawn.panels):
        parts.append("Infinite values have the colour of the scale's end.")
    if drawn.y is not None:
        parts.append("Beyond the ends of the scale the colour stays the same.")
    elif drawn.averaged:
        parts.append("The band goes from the smallest to the largest of them.")
    return " ".join(parts)


def table(drawn: Grid) -> Table:
    """The grid of means, thinned to what a person reads."""
    across = _some(len(drawn.x.values), COLUMNS)
    up = _some(len(drawn.y.values), ROWS) if drawn.y else [0]
    heads = [words(drawn.x.name) + " " + _at(drawn.x, across[0])]
    heads += [_at(drawn.x, i) for i in across[1:]]
    rows = []
    for panel in drawn.panels:
        for j in up:
            label = [panel.title, f"{words(drawn.y.name)} {_at(drawn.y, j)}" if drawn.y else ""]
            name = ", ".join(part for part in label if part) or "mean"
            rows.append((name, *(_cell(panel, j, i) for i in across)))
    return Table(("", *heads), tuple(rows))


def fixed(rows: Rows, varied: tuple[str, ...]) -> list[tuple[str, str]]:
    """(name, value) of every field that was the same in all points."""
    first: dict[str, Any] = dict(rows[0]) if rows else {}
    return [
        (words(name), short(first[name]))
        for name in CONFIGURATION
        if rows and name not in varied and first[name] is not None
    ]


def _place(drawn: Grid, at: Any) -> str:
    found = f"{words(drawn.x.name)} {_at(drawn.x, at[1])}"
    return found + (f", {words(drawn.y.name)} {_at(drawn.y, at[0])}" if drawn.y else "")


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
    found = [row[column] for row in rows if row[column] is not None]
    return form.format(float(np.median(found))) if found else ""
