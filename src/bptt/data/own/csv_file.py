"""A table in text (.csv, .tsv): a header, then a row a step.

Columns are separated by commas, semicolons or tabs, whichever the header has most of. Between semicolons and tabs a
comma in a number is its decimal sign. Empty cells behind the last column are no column.
"""

import codecs
import csv
import io
from typing import BinaryIO

from bptt.data.own.table import Cells, Table, is_number
from bptt.data.own.words import listed
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
    lines = io.StringIO(_decoded(name, stream.read()), newline="")
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
    width = max(n for n in range(len(header) + 1) if not n or header[n - 1] or _any(rows, n - 1))
    header = header[:width]
    for n, (row, place) in enumerate(zip(rows, places, strict=True)):
        rows[n] = row if any(cell.strip() for cell in row[width:]) else row[:width]
        if len(rows[n]) != width:
            raise FileError(
                name, f"{counted(width, 'cell')} in every row, as in the header", f"{len(row)} in row {place}",
                f"Correct the row; columns are separated by {_said(separator)}.",
            )  # fmt: skip
    columns: dict[str, Cells] = {
        column: [cell.strip() for cell in cells]
        for column, cells in zip(named(name, header), zip(*rows[1:], strict=True), strict=True)
    }
    commas = separator != "," and any("," in cell for cells in columns.values() for cell in cells)
    chosen = ("a comma is the sign before decimals",) * commas
    return Table(name, columns, places[1:], "," if separator != "," else ".", chosen)


def _decoded(name: str, content: bytes) -> str:
    """The text: in UTF-8, or in UTF-16 where the file begins with its mark.

    Raises:
        FileError: if it is in another encoding; it names the row.
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise FileError(
            name, "a table in UTF-8", f"bytes in row {row} that are not", "Save it again as CSV in UTF-8.",
        ) from error  # fmt: skip


def _any(rows: list[list[str]], place: int) -> bool:
    """Whether a column has a cell that is not empty."""
    return any(len(row) > place and row[place].strip() for row in rows)


def named(file: str, header: list[str]) -> list[str]:
    """A name for every column.

    Raises:
        FileError: if two have the same, or the header is missing.

    >>> named("a.csv", ["", "ax"])
    ['column 1', 'ax']
    """
    names = [cell or f"column {n}" for n, cell in enumerate(header, 1)]
    twice = sorted({cell for cell in names if names.count(cell) > 1})
    numbers = [cell for cell in names if is_number(cell)]
    if twice and numbers:
        raise FileError(
            file, "a header, a name for every column, as the first row", f"numbers there: {listed(numbers)}",
            "Write the names of the columns above the numbers.",
        )  # fmt: skip
    if twice:
        raise FileError(
            file, "a name of its own for every column", f"{twice[0]} twice", "Rename one of them."
        )
    return names


def _said(separator: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs"}[separator]
