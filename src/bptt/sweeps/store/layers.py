"""The layers of a sweep's points: a row each, read when they are asked for."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.sweeps.point.columns import Builder, Rows
from bptt.sweeps.point.rows import LAYERS

NAMES = ("point", *(each.name for each in LAYERS), "curves")
FORGET = "DELETE FROM layers WHERE point IN (SELECT id FROM points WHERE key = ? AND version = ?)"
INSERT = f"INSERT INTO layers VALUES ({', '.join('?' * len(NAMES))})"
AT_ONCE = 500  # points that are asked for


@dataclass(frozen=True, eq=False)
class Layers:
    """Rows of layers.

    Attributes:
        rows: their numbers; ``rows.ids`` says whose point each is.
        curves: of each its curves by lag as ``point.curves.packed`` made them; None where they were not kept.
    """

    rows: Rows
    curves: tuple[bytes | None, ...]

    def of(self, ids: Array) -> "Layers":
        """Those of some points, in the order of the points."""
        assert self.rows.ids is not None
        place = {number: at for at, number in enumerate(ids.tolist())}
        at = [n for n, number in enumerate(self.rows.ids.tolist()) if number in place]
        at.sort(key=lambda n: place[int(self.rows.ids[n])])  # type: ignore[index]
        return Layers(self.rows.some(np.array(at, int)), tuple(self.curves[n] for n in at))


def written(point: int | None, layers: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """What ``INSERT`` takes, for every layer of a point."""
    for layer in layers:
        yield (point, *(layer.get(name) for name in NAMES[1:]))


def read(source: str, database: sqlite3.Connection, ids: Array) -> Layers:
    """The layers of some points, in their order.

    Raises:
        FileError: if a value is of another type.
        sqlite3.Error: if the file is damaged.
    """
    made, curves = Builder(source, LAYERS), list[bytes | None]()
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE].tolist()
        found = database.execute(
            f"SELECT {', '.join(NAMES)} FROM layers WHERE point IN ({', '.join('?' * len(some))}) ORDER BY point, rowid",
            some,
        ).fetchall()
        if not found:
            continue
        points, *columns, packed = zip(*found, strict=True)
        if any(each is not None and not isinstance(each, bytes) for each in packed):
            raise FileError(source, "bytes in curves", "another type", "It is damaged.")
        made.add(columns, points)
        curves += packed
    return Layers(made.rows(), tuple(curves)).of(ids)
