"""The rows of a sweep by columns: a million of them take some hundred megabytes, and are grouped without a loop.

Words and settings, of which there are few, are codes into their values; numbers that were measured are float64, NaN for
none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.sweeps.point.rows import CONFIGURATION, FIELDS
from bptt.tables import Field

TYPES = {str: str, int: int, float: float}
LONGEST = 20_000  # characters of a word: an error may be long


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of few values.

    Attributes:
        codes: (n,) which value each row has.
        values: in their order, None first.
    """

    codes: Array
    values: tuple[Any, ...]


class Rows:
    """Rows by columns.

    Args:
        fields: what the columns are.
        columns: each by name, a ``Coded`` or an array of float64.
        ids: (n,) the numbers of the rows in their file; None of rows that are in none.
    """

    def __init__(
        self, fields: Sequence[Field], columns: Mapping[str, Coded | Array], ids: Array | None
    ) -> None:
        self.fields, self.columns, self.ids = tuple(fields), columns, ids
        self.kinds = {each.name: each.kind for each in fields}

    @classmethod
    def of(cls, given: "Rows | Iterable[Mapping[str, Any]]") -> "Rows":
        """Rows as they are, or from a dict each; what a dict lacks is None."""
        if isinstance(given, Rows):
            return given
        made = Builder("rows", FIELDS)
        dicts = list(given)
        made.add([[row.get(each.name) for row in dicts] for each in FIELDS], None)
        return made.rows()

    def __len__(self) -> int:
        """How many."""
        first = self.columns[self.fields[0].name]
        return len(first.codes) if isinstance(first, Coded) else len(first)

    def coded(self, name: str) -> Coded:
        """A column as codes into the values that there are."""
        column = self.columns[name]
        if isinstance(column, Coded):
            present, codes = np.unique(column.codes, return_inverse=True)
            if len(present) == len(column.values):
                return column
            return Coded(codes, tuple(column.values[i] for i in present.tolist()))
        values, codes = np.unique(np.nan_to_num(column, nan=-np.inf), return_inverse=True)
        return Coded(codes, tuple(values.tolist()))

    def distinct(self, name: str) -> tuple[Any, ...]:
        """The values that a column has, None first."""
        return self.coded(name).values

    def numbers(self, name: str) -> Array:
        """(n,) a column of numbers, NaN for none."""
        column = self.columns[name]
        if isinstance(column, Coded):
            values = np.array(
                [np.nan if v is None or isinstance(v, str) else v for v in column.values], float
            )
            return np.asarray(values[column.codes]) if len(values) else np.zeros(0)
        return column

    def column(self, name: str) -> list[Any]:
        """A column as Python has it, None for nothing."""
        column = self.columns[name]
        if isinstance(column, Coded):
            values = column.values
            return [values[code] for code in column.codes.tolist()]
        whole = self.kinds[name] is int
        return [
            None if v != v else int(v) if whole else v
            for v in column.tolist()
        ]  # fmt: skip

    def some(self, at: Any) -> "Rows":
        """A part: the rows of a mask or of indices, in their order."""
        columns = {
            name: Coded(c.codes[at], c.values) if isinstance(c, Coded) else c[at]
            for name, c in self.columns.items()
        }
        return Rows(self.fields, columns, None if self.ids is None else self.ids[at])

    def where(self, name: str, value: Any) -> Array:
        """(n,) which rows have a value."""
        column = self.coded(name)
        if value not in column.values:
            return np.zeros(len(self), bool)
        return np.asarray(column.codes == column.values.index(value))

    def together(self, names: Sequence[str]) -> Array:
        """(n,) a number for each combination of the values of some columns, in their order."""
        whole = np.zeros(len(self), np.int64)
        for name in names:
            column = self.coded(name)
            if len(column.values) > 1:
                whole = whole * len(column.values) + column.codes
                whole = np.unique(whole, return_inverse=True)[1]
        return whole

    def grouped(self, names: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Array]]:
        """(values, indices of the rows) of every combination of the values of some columns, in their order."""
        if not len(self):
            return
        whole = self.together(names)
        order = np.argsort(whole, kind="stable")
        ends = np.flatnonzero(np.diff(whole[order])) + 1
        columns = [self.coded(name) for name in names]
        for part in np.split(order, ends):
            yield tuple(c.values[int(c.codes[part[0]])] for c in columns), part

    def dicts(self) -> list[dict[str, Any]]:
        """A dict per row."""
        names = [each.name for each in self.fields]
        columns = [self.column(name) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


class Builder:
    """Takes rows some at a time, and refuses what this library cannot have written.

    Args:
        source: where they come from, for the error.
        fields: what the columns are.
    """

    def __init__(self, source: str, fields: Sequence[Field]) -> None:
        self.source, self.fields = source, tuple(fields)
        self.places: dict[str, dict[Any, int]] = {f.name: {} for f in fields if _has_few(f)}
        self.parts: dict[str, list[Array]] = {f.name: [] for f in fields}
        self.ids: list[Array] = []

    def add(self, columns: Sequence[Sequence[Any]], ids: Sequence[int] | None) -> None:
        """Rows as columns, in the order of the fields.

        Raises:
            FileError: if a value is not of its column's type, or a text has no end.
        """
        for each, values in zip(self.fields, columns, strict=True):
            self._check_types(each, values)
            if each.name not in self.places:
                self.parts[each.name].append(np.array(values, np.float64))
                continue
            place, new = self.places[each.name], set(values)
            for value in new:
                place.setdefault(value, len(place))
            codes = [place[values[0]]] if len(new) == 1 else list(map(place.__getitem__, values))
            self.parts[each.name].append(np.broadcast_to(np.array(codes, np.int32), len(values)))
        if ids is not None:
            self.ids.append(np.array(ids, np.int64))

    def rows(self) -> Rows:
        """All of them."""
        columns: dict[str, Coded | Array] = {}
        for each in self.fields:
            parts = self.parts[each.name]
            whole = np.concatenate(parts) if parts else np.zeros(0, np.int32)
            if each.name not in self.places:
                columns[each.name] = whole.astype(np.float64)
                continue
            place = self.places[each.name]
            values = sorted(place, key=_order)
            at = np.empty(len(values), np.int32)
            at[[place[value] for value in values]] = np.arange(len(values))
            columns[each.name] = Coded(at[whole], tuple(values))
        numbered = self.ids or not self.parts[self.fields[0].name]
        ids = np.concatenate([np.zeros(0, np.int64), *self.ids]) if numbered else None
        return Rows(self.fields, columns, ids)

    def _check_types(self, each: Field, values: Sequence[Any]) -> None:
        kinds = set(map(type, values)) - {type(None)}
        wrong = {k for k in kinds if not issubclass(k, TYPES[each.kind]) and (k, each.kind) != (int, float)}  # fmt: skip
        if wrong:
            raise FileError(
                self.source, f"{each.kind.__name__} in {each.name}", wrong.pop().__name__, "It is damaged."
            )  # fmt: skip
        if each.kind is str and any(len(v) > LONGEST for v in set(values) - {None}):
            raise FileError(
                self.source, f"at most {LONGEST:,} characters in {each.name}", "more", "It is damaged."
            )  # fmt: skip


def _has_few(each: Field) -> bool:
    """Whether a column is one of words or of settings."""
    return each.kind is str or each.name in CONFIGURATION


def _order(value: Any) -> tuple[int, Any]:
    """None first; numbers by size, names by the alphabet."""
    return (0, 0) if value is None else (1, value)
