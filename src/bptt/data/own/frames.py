"""A table in a file of columns (.parquet, .feather) or of a spreadsheet (.xlsx), through pandas.

Of a spreadsheet the first sheet is read. An index that has names is a column too. Nothing in such a file is unpickled or computed.
"""

import warnings
import zipfile
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np

from bptt.data.own.csv_file import named
from bptt.data.own.table import Cells, Table
from bptt.errors import FileError
from bptt.extras import needing
from bptt.files import check_unpacked

READERS = {".parquet": ("read_parquet", "pyarrow"), ".feather": ("read_feather", "pyarrow"), ".xlsx": ("read_excel", "openpyxl")}  # fmt: skip


def read_frame(name: str, stream: BinaryIO, ending: str) -> Table:
    """The table.

    Args:
        name: of the file, for the errors.
        stream: its content.
        ending: one of ``READERS``.

    Raises:
        FileError: if it is no such file.
        OptionError: if a package that reads it is missing.
    """
    function, engine = READERS[ending]
    with needing("tables", name):
        import pandas

        import_module(engine)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that a spreadsheet lacks, for example
            if ending == ".xlsx":
                for part in zipfile.ZipFile(stream).infolist():
                    check_unpacked(part)
            sheets = pandas.ExcelFile(stream).sheet_names if ending == ".xlsx" else []
            frame = getattr(pandas, function)(stream)
            if any(each is not None for each in frame.index.names):
                frame = frame.reset_index()
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise FileError(
            name, f"a {ending} file", "something else, or a file that is damaged", "Write it again."
        ) from error
    several = tuple(f"the first of {len(sheets)} sheets, {sheets[0]}" for _ in sheets[1:2])
    name = f"{name} ({several[0]})" if several else name
    if not len(frame):
        raise FileError(name, "at least one row", "none", "Write a row per step.")
    header = ["" if str(c).startswith("Unnamed: ") else str(c).strip() for c in frame.columns]
    columns = {
        column: _cells(frame.iloc[:, place]) for place, column in enumerate(named(name, header))
    }
    return Table(name, columns, list(range(2, len(frame) + 2)), chosen=several)


def _cells(column: Any) -> Cells:
    """Numbers where they are numbers, and else words."""
    if column.dtype.kind in "biuf" and column.dtype.name != "category":
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    missing = column.isna().to_numpy()
    values = column.astype(object).to_numpy()
    return ["" if none else str(value).strip() for value, none in zip(values, missing, strict=True)]
