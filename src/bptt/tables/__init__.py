"""Numbers as columns with units and definitions, for data frames and files."""

from bptt.tables.columns import Columns, Field, arranged, stacked
from bptt.tables.table import Table
from bptt.tables.tabular import Tabular
from bptt.tables.written import ENDINGS as ROWS
from bptt.tables.written import write_csv, write_netcdf, write_parquet

__all__ = [
    "ROWS",
    "Columns",
    "Field",
    "Table",
    "Tabular",
    "arranged",
    "stacked",
    "write_csv",
    "write_netcdf",
    "write_parquet",
]
