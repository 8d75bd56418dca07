"""A table that hands itself over: to pandas, polars, Arrow and xarray, and to files."""

from pathlib import Path
from typing import Any

from bptt.files import as_ending
from bptt.tables.columns import Columns
from bptt.tables.frames import dataset, frame
from bptt.tables.written import ENDINGS, write_csv, write_netcdf, write_parquet


class Table(Columns):
    """Columns with their units and meanings.

    >>> from bptt.tables import Field, Table
    >>> fields = Field("lag", int, "steps", "k = t - s"), Field("share", float, "1", "part of dW_R")
    >>> Table(fields, {"lag": [0, 1], "share": [0.75, 0.25]}, axes=("lag",)).rows()
    [{'lag': 0, 'share': 0.75}, {'lag': 1, 'share': 0.25}]
    """

    def to_frame(self, kind: str | None = None) -> Any:
        """A data frame.

        Args:
            kind: "pandas", "polars" or "arrow"; None takes the first of them that is installed. Units and meanings are
                in ``attrs`` of a pandas frame, and in the schema of an Arrow table.

        Raises:
            OptionError: if there is no such kind, or its package is missing.
        """
        return frame(self, kind)

    def to_xarray(self) -> Any:
        """An ``xarray.Dataset`` over the table's axes.

        Raises:
            OptionError: if xarray is missing.
        """
        return dataset(self)

    def save(self, path: str | Path) -> Path:
        """Write it: .csv, with its units and meanings in a second file, .parquet or .nc (NetCDF), with them inside.

        Raises:
            OptionError: if the path ends in anything else, or a package is missing.
            FileError: if it cannot be written.
        """
        ending = as_ending(path, ENDINGS)
        if ending == ".csv":
            return write_csv(self, path)
        if ending == ".parquet":
            return write_parquet(self, path)
        return write_netcdf(self.to_xarray(), path)
