"""Points of a sweep by the values that they have."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.presentation.formatting import short
from bptt.sweeps.point.columns import Rows

FEW = 12  # values that an error lists


def chosen(rows: Rows, fields: Mapping[str, Any]) -> Array:
    """(n,) which rows have the values.

    Args:
        rows: of a sweep.
        fields: by name a value, a list of values, or a slice from the smallest to the largest.

    Raises:
        OptionError: if there is no such column, or no row has a value.
    """
    mask = np.ones(len(rows), bool)
    for name, wanted in fields.items():
        if name not in rows.columns:
            raise OptionError(
                "where", "columns: " + ", ".join(rows.columns), repr(name), "Choose one of these."
            )
        mask &= _has(rows, name, wanted)
    return mask


def _has(rows: Rows, name: str, wanted: Any) -> Array:
    if isinstance(wanted, slice):
        numbers = rows.numbers(name)
        low = -np.inf if wanted.start is None else wanted.start
        high = np.inf if wanted.stop is None else wanted.stop
        return (numbers >= low) & (numbers <= high)
    several = wanted if isinstance(wanted, list | tuple | set | frozenset | range) else (wanted,)
    mask = np.zeros(len(rows), bool)
    for value in several:
        there = rows.where(name, value)
        if not there.any():
            values = rows.distinct(name)
            raise OptionError(
                name, "one of " + ", ".join(short(v) for v in values[:FEW]) + (" ..." if len(values) > FEW else ""),
                repr(value), "Choose one of these, or a slice from one number to another.",
            )  # fmt: skip
        mask |= there
    return mask
