"""A table as other libraries hold it: pandas, polars, Arrow, xarray."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from bptt.arrays import as_choice
from bptt.errors import OptionError
from bptt.extras import needing
from bptt.tables.columns import Columns

KINDS = ("pandas", "polars", "arrow")
CELLS = 20_000_000  # the most of an array that is laid out over all axes


def frame(table: Columns, kind: str | None) -> Any:
    """A data frame with the table's columns.

    Args:
        table: the table.
        kind: "pandas", "polars" or "arrow"; None takes the first of them that is installed.

    Raises:
        OptionError: if there is no such kind, or its package is missing.
    """
    if kind is None:
        packages = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}
        kind = next((name for name, package in packages.items() if find_spec(package)), None)
        if kind is None:
            raise OptionError(
                "to_frame", "one of the packages pandas, polars and pyarrow", "none installed",
                "Run pip install 'bptt[tables]', or save it as .csv.",
            )  # fmt: skip
    as_choice("kind", kind, KINDS)
    return {"pandas": _pandas, "polars": _polars, "arrow": arrow}[kind](table)


def metadata(table: Columns) -> dict[str, Any]:
    """What stands beside the numbers: the whole, and each column's unit and meaning."""
    return {
        **table.about,
        "columns": {each.name: {"unit": each.unit, "meaning": each.meaning} for each in table.fields},
    }  # fmt: skip


def _pandas(table: Columns) -> Any:
    with needing("tables", "to_frame"):
        import pandas as pd
    types = {str: "str", int: "Int64", float: "float64"}
    series = {
        each.name: pd.Series(table.values[each.name], dtype=_whole(pd, table, each.name) or types[each.kind])
        for each in table.fields
    }  # fmt: skip
    made = pd.DataFrame(series)
    made.attrs = metadata(table)
    return made


def _whole(pd: Any, table: Columns, name: str) -> str | None:
    """NumPy's own whole numbers where none is missing; strings may be missing."""
    each, values = table.field(name), table.values[name]
    if each.kind is int and None not in values:
        return "int64"
    return None if each.kind is not str or None not in values else "object"


def _polars(table: Columns) -> Any:
    with needing("polars", "to_frame(kind='polars')"):
        import polars as pl
    types = {str: pl.String, int: pl.Int64, float: pl.Float64}
    return pl.DataFrame(
        {name: table.values[name] for name in table.names},
        schema={each.name: types[each.kind] for each in table.fields},
        nan_to_null=True,
    )


def arrow(table: Columns) -> Any:
    """An Arrow table; units and meanings are metadata of its fields."""
    with needing("tables", "an Arrow table"):
        import pyarrow as pa
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema(
        [
            pa.field(each.name, types[each.kind], metadata={"unit": each.unit, "meaning": each.meaning})
            for each in table.fields
        ],
        metadata=dict(table.about),
    )  # fmt: skip
    # a number that is none is missing, as in the other frames
    return pa.table(
        [pa.array(table.values[n], schema.field(n).type, from_pandas=True) for n in table.names],
        schema,
    )


def dataset(table: Columns) -> Any:
    """An ``xarray.Dataset``: the axes are its dimensions, every other column a variable over those that it needs.

    Raises:
        OptionError: if xarray is missing, or the axes together are too large.
    """
    with needing("tables", "an xarray.Dataset"):
        import xarray as xr
    at, ticks = {}, {}
    for name in table.axes:
        values = table.column(name)
        ticks[name] = list(dict.fromkeys(values))
        if all(isinstance(v, int) for v in ticks[name]):
            ticks[name] = sorted(ticks[name])
        place = {value: i for i, value in enumerate(ticks[name])}
        at[name] = np.array([place[value] for value in values], int)
    shape = tuple(len(ticks[name]) for name in table.axes)
    if np.prod([float(n) for n in shape]) > CELLS:
        raise OptionError(
            "axes", f"at most {CELLS:,} cells", " × ".join(map(str, shape)),
            "Take a part of the rows, or write .parquet or .csv.",
        )  # fmt: skip
    variables = {}
    for each in table.fields:
        if each.name in table.axes:
            continue
        empty: Any = "" if each.kind is str else np.nan
        laid = np.full(shape, empty, dtype=object if each.kind is str else np.float64)
        column = [empty if v is None else v for v in table.column(each.name)]
        laid[tuple(at[name] for name in table.axes)] = column
        if each.kind is str:
            laid = laid.astype(str)
        variables[each.name] = (table.axes, laid, _attributes(each))
    coordinates = {name: (name, ticks[name], _attributes(table.field(name))) for name in table.axes}
    return xr.Dataset(variables, coordinates, dict(table.about))


def _attributes(each: Any) -> dict[str, str]:
    """By the names that NetCDF's climate and forecast conventions have for them."""
    named = {"long_name": each.meaning}
    return named | ({"units": each.unit} if each.unit else {})
