"""The rows of a sweep laid out on one or two axes: a mean per cell, over all other fields that were varied."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.presentation.formatting import short
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.point.rows import CONFIGURATION, MEASURES

Given = Rows | Iterable[Mapping[str, Any]]
CELLS = 10_000  # the most in one picture
LEAST = 20  # values that an axis keeps, however many pictures there are
PANELS = 12  # the most small multiples
NUMBERS = tuple(name for name, kind in MEASURES.items() if kind is not str)


@dataclass(frozen=True)
class Axis:
    """The values of a field in their order.

    Attributes:
        name: of the field.
        values: what stands at each place: numbers, or names; of merged neighbours their mean.
        kind: "linear", "log" (at equal ratios) or "named".
        place: value of a row to its place.
    """

    name: str
    values: tuple[Any, ...]
    kind: str
    place: dict[Any, int]

    @property
    def merged(self) -> bool:
        """Whether neighbouring values share a place."""
        return len(self.values) < len(self.place)

    def edges(self) -> list[float]:
        """Where the cells of a numeric axis meet: half-way; each value stands in the middle of its own.

        What begins at 0 has no room below it.
        """
        values = np.asarray(self.values, float)
        at = np.log(values) if self.kind == "log" else values
        inner = (at[1:] + at[:-1]) / 2
        half = (at[1:] - at[:-1]) / 2 if len(at) > 1 else np.array([0.5])
        edges = np.array([at[0] - half[0], *inner, at[-1] + half[-1]])
        if self.kind == "log":
            edges = np.exp(np.clip(edges, -700, 709))  # within the type
        elif values[0] >= 0:
            edges[0] = max(0.0, edges[0])
        return [float(f"{v:.6g}") for v in edges]

    def ends(self) -> list[float]:
        """From where to where a numeric axis goes: over all of its cells."""
        edges = self.edges()
        return [edges[0], edges[-1]]


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture: all rows of one choice of the split fields; arrays are (y, x).

    Attributes:
        of: the split fields' values.
        rows: its rows.
        mean: of those points that have a number; NaN where none has.
        low: the smallest.
        high: the largest.
        points: how many rows there are.
        numbers: how many of them have the number.
    """

    of: dict[str, Any]
    rows: Rows
    mean: Array
    low: Array
    high: Array
    points: Array
    numbers: Array

    @property
    def title(self) -> str:
        """The split fields in words."""
        return ", ".join(f"{words(name)} {short(value)}" for name, value in self.of.items())


@dataclass(frozen=True, eq=False)
class Grid:
    """Everything that a map shows.

    Attributes:
        x: the axis across.
        y: the axis upward; None where only one field is drawn.
        measure: name of the column that is averaged.
        panels: one per choice of the split fields.
        averaged: fields that were varied and are neither an axis nor split.
        regular: whether the rows fill the grid at least by half; else they are scattered points.
    """

    x: Axis
    y: Axis | None
    measure: str
    panels: tuple[Panel, ...]
    averaged: tuple[str, ...]
    regular: bool


def grid(
    rows: Given,
    x: str | None = None,
    y: str | None = None,
    measure: str = "lyapunov",
    split: str | Sequence[str] | None = None,
    cells: int = CELLS,
) -> Grid:
    """Lay rows out.

    Args:
        rows: of a sweep, by columns or a dict each.
        x: field across; None: the gain, or the first number that was varied.
        y: field upward; None: the next one, if there is one.
        measure: name of a column of numbers.
        split: fields that get a picture per value; None: all names that were varied, such as the cell.
        cells: the most cells in all pictures together; neighbouring values are merged until they fit.

    Raises:
        OptionError: if a field was not varied or is named twice, there is no such column, nothing was varied,
            or there would be too many pictures.
    """
    rows = Rows.of(rows)
    varied = varied_in(rows)
    if not varied:
        raise OptionError(
            "sweep", "a field that was varied", "none", "Vary one, for example the gain."
        )
    if measure not in NUMBERS:
        raise OptionError("colour", "one of " + ", ".join(NUMBERS), repr(measure), "Choose one.")
    wanted = None if split is None else (split,) if isinstance(split, str) else tuple(split)
    for argument, names in (("x", (x,)), ("y", (y,)), ("split", wanted or ())):
        for name in names:
            if name is not None and name not in varied:
                raise OptionError(
                    argument, "a field that was varied: " + ", ".join(varied), repr(name),
                    "Choose one of these.",
                )  # fmt: skip
    across, up = _axes(varied, x, y, wanted or ())
    parts = _split(rows, varied, {across, up}, wanted)
    groups = list(rows.grouped(parts))
    if len(groups) > PANELS:
        raise OptionError(
            "split", f"at most {PANELS} pictures", str(len(groups)), "Split by fewer fields."
        )
    most = max(LEAST, int((cells / len(groups)) ** (0.5 if up else 1)))
    at_x, at_y = _axis(rows, across, most), _axis(rows, up, most) if up else None
    distinct = int(rows.together([across, *([up] if up else [])]).max()) + 1
    full = len(at_x.place) * (len(at_y.place) if at_y else 1)
    return Grid(
        at_x, at_y, measure,
        tuple(
            _panel(dict(zip(parts, of, strict=True)), rows.some(at), at_x, at_y, measure)
            for of, at in groups
        ),
        tuple(name for name in varied if name not in (across, up, *parts)),
        2 * distinct >= full,
    )  # fmt: skip


def varied_in(rows: Rows) -> tuple[str, ...]:
    """The fields of the configuration that are not the same in all rows."""
    return tuple(name for name in CONFIGURATION if len(rows.distinct(name)) > 1)


def words(name: str) -> str:
    """A field's or column's name in words."""
    return WORDS.get(name, name.replace("_", " "))


# Of columns, with their unit.
WORDS = {
    "lyapunov": "largest Lyapunov exponent λ₁ (ln per step)",
    "lyapunov_stderr": "standard error of λ₁ (ln per step)",
    "rate": "growth of the signal (ln per step back)",
    "horizon": "horizon (steps back)",
    "log10_attenuation": "signal at the needed lag (log10)",
    "memory": "input of the needed lag, read off the state (R²)",
    "truncation": "shortest window for 5 % bias (steps)",
    "solved": "part of the networks that solved the task",
    "loss": "training loss at the end",
    "E": "loss before training",
}


def _axes(
    varied: tuple[str, ...], x: str | None, y: str | None, split: tuple[str, ...]
) -> tuple[str, str | None]:
    """The fields across and upward."""
    free = [name for name in varied if name not in (y, *split)]
    numbers = [name for name in free if _is_number(name)]
    # what a sweep repeats is drawn only if there is nothing else
    order: list[str] = [n for n in ("gain", "input_variance") if n in numbers]
    order += [n for n in numbers if n not in (*order, "seed")]
    order += [n for n in free if n not in order and n != "seed"]
    order += [n for n in free if n == "seed"]
    across = x or next(iter(order), None)
    if across is None or across == y or across in split or y in split:
        raise OptionError(
            "x, y, split", "different fields", f"{across}, {y}, {', '.join(split) or 'none'}",
            "Name each field once.",
        )  # fmt: skip
    up = y or next((n for n in order if n != across and _is_number(n) and n != "seed"), None)
    return across, up


def _split(
    rows: Rows, varied: tuple[str, ...], drawn: set[str | None], wanted: tuple[str, ...] | None
) -> tuple[str, ...]:
    """The split fields: those wanted, else all names, as long as they are few."""
    if wanted is not None:
        return wanted
    fields: tuple[str, ...] = ()
    for name in varied:
        if name in drawn or _is_number(name):
            continue
        if int(rows.together([*fields, name]).max()) < PANELS:
            fields += (name,)
    return fields


def _axis(rows: Rows, name: str, most: int) -> Axis:
    values = rows.distinct(name)
    if not _is_number(name) or None in values:
        return Axis(name, tuple(map(short, values)), "named", {v: i for i, v in enumerate(values)})
    place = {value: i * most // max(most, len(values)) for i, value in enumerate(values)}
    count = max(place.values()) + 1
    at = np.array(list(place.values()))
    numbers = np.bincount(at, weights=np.array(values, float)) / np.bincount(at, minlength=count)
    return Axis(name, tuple(numbers.tolist()), _spacing(numbers), place)


def _spacing(values: Array) -> str:
    """Whether numbers stand rather at equal ratios than at equal distances."""
    if len(values) < 3 or values[0] <= 0:
        return "linear"
    ratios, steps = np.diff(np.log(values)), np.diff(values)
    return "log" if np.ptp(ratios) / ratios.mean() < np.ptp(steps) / steps.mean() else "linear"


def _panel(of: dict[str, Any], rows: Rows, x: Axis, y: Axis | None, measure: str) -> Panel:
    shape = (len(y.values) if y else 1, len(x.values))
    at = (np.zeros(len(rows), int) if y is None else _places(rows, y), _places(rows, x))
    values = rows.numbers(measure)
    known = ~np.isnan(values)
    points, numbers, total = np.zeros(shape, int), np.zeros(shape, int), np.zeros(shape)
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.add.at(points, at, 1)
    has = (at[0][known], at[1][known])
    np.add.at(numbers, has, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        np.add.at(total, has, values[known])
        mean = total / numbers
    np.minimum.at(low, has, values[known])
    np.maximum.at(high, has, values[known])
    return Panel(of, rows, mean, low, high, points, numbers)


def _places(rows: Rows, axis: Axis) -> Array:
    """(n,) the place of every row on an axis."""
    column = rows.coded(axis.name)
    return np.array([axis.place[value] for value in column.values], int)[column.codes]


def _is_number(name: str) -> bool:
    return CONFIGURATION[name] is not str
