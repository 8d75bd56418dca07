"""A table as a file: comma-separated values with their metadata beside them, Parquet, NetCDF."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from bptt.errors import OptionError
from bptt.extras import needing
from bptt.files import write_bytes
from bptt.tables.columns import Columns
from bptt.tables.frames import arrow

CSVW = "http://www.w3.org/ns/csvw"  # of the W3C's metadata vocabulary for tabular data, 2015
ENDINGS = (".csv", ".parquet", ".nc")


def write_csv(table: Columns, path: str | Path, *, described: bool = True) -> Path:
    """Write rows under a line of names, and what they mean beside them, in ``<name>-metadata.json``.

    Nothing stands for None, and for a number that is none.

    Args:
        table: the table.
        path: of the file.
        described: whether to write the second file.

    Raises:
        FileError: if it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.names)
    writer.writerows(zip(*(_written(table.column(name)) for name in table.names), strict=True))
    written = write_bytes(path, text.getvalue().encode())
    if described:
        beside = written.with_name(f"{written.name}-metadata.json")
        write_bytes(
            beside, json.dumps(_csvw(table, written.name), indent=1, ensure_ascii=False).encode()
        )
    return written


def _written(values: list[Any]) -> list[Any]:
    """A column without its NaN."""
    return [None if v != v else v for v in values]


def _csvw(table: Columns, name: str) -> dict[str, Any]:
    types = {str: "string", int: "integer", float: "double"}
    columns = [
        {
            "name": each.name, "titles": each.name, "datatype": types[each.kind],
            "dc:description": each.meaning,
            **({"schema:unitText": each.unit} if each.unit else {}),
        }
        for each in table.fields
    ]  # fmt: skip
    return {
        "@context": [CSVW, {"@language": "en"}],
        "url": name,
        **{f"dc:{key}": value for key, value in table.about.items()},
        "tableSchema": {"columns": columns, "primaryKey": list(table.axes)},
    }


def write_parquet(table: Columns, path: str | Path) -> Path:
    """Write a Parquet file, typed; units and meanings are metadata of its fields.

    Raises:
        OptionError: if pyarrow is missing.
        FileError: if it cannot be written.
    """
    with needing("parquet", str(path)):
        import pyarrow as pa
        import pyarrow.parquet as parquet
    sink = pa.BufferOutputStream()
    parquet.write_table(arrow(table), sink)
    return write_bytes(path, sink.getvalue().to_pybytes())


def write_netcdf(dataset: Any, path: str | Path) -> Path:
    """Write an ``xarray.Dataset`` as NetCDF; units and meanings are attributes of its variables.

    Raises:
        OptionError: if no package is installed that writes NetCDF.
        FileError: if it cannot be written.
    """
    for name in (*dataset.coords, *dataset.data_vars):  # NetCDF 3, which SciPy writes, has no int64
        if dataset[name].dtype == "int64":
            dataset[name].encoding["dtype"] = "int32"
    try:
        content = dataset.to_netcdf(None)
    except ValueError as error:
        raise OptionError(
            str(path), "a package that writes NetCDF", "none installed", "Run pip install scipy."
        ) from error
    return write_bytes(path, bytes(content))
