"""Columns of one length, each with its unit and what it means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Kind = type[str] | type[int] | type[float]


@dataclass(frozen=True)
class Field:
    """What a column is.

    Attributes:
        name: of the column.
        kind: str, int or float.
        unit: of its numbers; "" of words, "1" of what has none.
        meaning: in a few words, with the definition that it follows.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str


@dataclass(frozen=True, eq=False, repr=False)
class Columns:
    """A tidy table: a row per observation, a column per variable.

    Attributes:
        fields: what each column is, in their order.
        values: each column by name: an array of float64, or a list in which None stands for nothing.
        axes: names of the columns that say what a row is of; together they are different in every row.
        about: what the whole is of, by name.
    """

    fields: tuple[Field, ...]
    values: Mapping[str, Any]
    axes: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.values[self.fields[0].name])

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(each.name for each in self.fields)

    def field(self, name: str) -> Field:
        """What a column is."""
        return next(each for each in self.fields if each.name == name)

    def column(self, name: str) -> list[Any]:
        """A column as Python has it; None for nothing, NaN for no number."""
        values = self.values[name]
        return values.tolist() if isinstance(values, np.ndarray) else list(values)

    def rows(self) -> list[dict[str, Any]]:
        """A dict per row."""
        columns = [self.column(name) for name in self.names]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def __repr__(self) -> str:
        """Its size and its columns."""
        return f"{type(self).__name__}({len(self)} rows: {', '.join(self.names)})"


def arranged(kind: Kind, values: Iterable[Any]) -> Any:
    """Values as a column keeps them: numbers without an end of their own as float64, NaN for None."""
    if kind is float:
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return list(values)


def stacked(parts: Sequence[tuple[Mapping[str, Any], Columns]]) -> dict[str, Any]:
    """The values of several tables below one another, each with columns of one value before it.

    Args:
        parts: ({name: value in every row}, table); a column that a table lacks is nothing there.
    """
    names = list(dict.fromkeys(n for fixed, part in parts for n in (*fixed, *part.names)))
    kinds = {each.name: each.kind for _, part in parts for each in part.fields}
    values: dict[str, list[Any]] = {name: [] for name in names}
    for fixed, part in parts:
        for name in names:
            if name in fixed:
                values[name] += [fixed[name]] * len(part)
            else:
                values[name] += part.column(name) if name in part.names else [None] * len(part)
    return {name: arranged(kinds.get(name, str), some) for name, some in values.items()}
