"""Columns that say when a row was, and nothing else: what orders the rows, and what is no input.

counts    0, 1, 2 ... or 1, 2, 3 ..., within each sequence or down the table
a clock   a column named step, time, date or the like: numbers, or dates as in 2026-01-31 10:00
"""

from datetime import UTC, datetime

import numpy as np

from bptt.arrays import Array
from bptt.data.own.table import Table
from bptt.errors import FileError

CLOCKS = (
    "step", "steps", "t", "time", "timestamp", "datetime", "date", "frame", "index", "counter",
)  # fmt: skip
Places = dict[str, Array]  # the rows of each sequence


def in_order(table: Table, names: list[str], places: Places) -> tuple[Places, str | None]:
    """The rows of each sequence in the order of a clock that does not run on, and its name.

    A column is taken for a clock only if it ticks evenly once its rows are in order, or holds dates: t may be a
    temperature.

    Args:
        table: as it stands in the file.
        names: of the columns that may be clocks.
        places: the rows of each sequence, as they stand in the file.

    Returns:
        the rows as they are, and None, where no clock tells another order.
    """
    for name in names:
        values = _moments(table, name) if name.lower() in CLOCKS else None
        if values is None:
            continue
        parts = [values[rows] for rows in places.values()]
        ordered = [np.sort(part) for part in parts]
        apart = all((np.diff(part) > 0).all() for part in ordered)
        unsorted = any((np.diff(part) < 0).any() for part in parts)
        if apart and unsorted and (_ticks(ordered) or is_dates(table, name)):
            return {key: rows[np.argsort(values[rows])] for key, rows in places.items()}, name
    return places, None


def only_counts(table: Table, name: str, places: Places) -> bool:
    """Whether a column only counts, or is a clock that ticks evenly: the step says all that it says."""
    values = _moments(table, name)
    if values is None or len(values) < 2:
        return False
    if values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values))):
        return True
    parts = [values[rows] for rows in places.values()]
    if name.lower() in CLOCKS:
        return _ticks(parts)
    return (
        max(map(len, parts)) > 1
        and parts[0][0] in (0, 1)
        and all(np.array_equal(part, parts[0][0] + np.arange(len(part))) for part in parts)
    )


def is_dates(table: Table, name: str) -> bool:
    """Whether a column holds dates, which are no numbers."""
    return table.is_text(name) and _moments(table, name) is not None


def _ticks(parts: list[Array]) -> bool:
    """Whether all sequences run on by steps of one size."""
    ticks = np.concatenate([np.diff(part) for part in parts])
    return bool(len(ticks) and ticks[0] > 0 and np.allclose(ticks, ticks[0], rtol=1e-6, atol=0))


def _moments(table: Table, name: str) -> Array | None:
    """A column's numbers, or its dates in seconds; None where it holds other things."""
    cells = table.columns[name]
    if isinstance(cells, list) and cells and "-" in cells[0][1:]:
        try:
            return np.array([_seconds(cell) for cell in cells])
        except ValueError:
            return None
    try:
        return table.numbers(name, "")
    except FileError:
        return None


def _seconds(cell: str) -> float:
    moment = datetime.fromisoformat(cell)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
