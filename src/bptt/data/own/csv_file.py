"""A table in text (.csv, .tsv): a header, then a row a step.

Columns are separated by commas, semicolons or tabs, whichever the header has most of. Between semicolons a comma
in a number is its decimal sign.
"""

import csv
import io
from typing import BinaryIO

from bptt.data.own.table import Cells, Table
from bptt.errors import FileError
from bptt.presentation.formatting import counted

SEPARATORS = ",;\t"


def read_csv(name: str, stream: BinaryIO) -> Table:
    """The table.

    Args:
        name: of the file, for the errors.
        stream: its content.

    Raises:
        FileError: if it is no such file, or a row has more or fewer cells than the header.
    """
    try:
        lines = io.StringIO(stream.read().decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise FileError(
            name, "a table in UTF-8", str(error), "Save it again as CSV in UTF-8."
        ) from error
    head = lines.readline()
    separator = max(SEPARATORS, key=head.count)
    lines.seek(0)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    rows, places = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                places.append(reader.line_num)
    except csv.Error as error:
        raise FileError(
            name, "a table", f"{error} in line {reader.line_num}", "Save it again as CSV."
        ) from error
    if len(rows) < 2:
        raise FileError(
            name,
            "a header and at least one row",
            counted(len(rows), "row"),
            "Write a row per step.",
        )
    header = [cell.strip() for cell in rows[0]]
    for row, place in zip(rows, places, strict=True):
        if len(row) != len(header):
            raise FileError(
                name, f"{len(header)} cells in every row, as in the header", f"{len(row)} in row {place}",
                f"Correct the row; columns are separated by {_said(separator)}.",
            )  # fmt: skip
    columns: dict[str, Cells] = {
        column: [cell.strip() for cell in cells]
        for column, cells in zip(named(name, header), zip(*rows[1:], strict=True), strict=True)
    }
    return Table(name, columns, places[1:], "," if separator == ";" else ".")


def named(file: str, header: list[str]) -> list[str]:
    """A name for every column.

    Raises:
        FileError: if two have the same.

    >>> named("a.csv", ["", "ax"])
    ['column 1', 'ax']
    """
    names = [cell or f"column {n}" for n, cell in enumerate(header, 1)]
    twice = sorted({cell for cell in names if names.count(cell) > 1})
    if twice:
        raise FileError(
            file, "a name of its own for every column", f"{twice[0]} twice", "Rename one of them."
        )
    return names


def _said(separator: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}[separator]
