"""A table as its columns, whatever file it comes from, and its cells as numbers."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError

POINTS = "Write numbers with a point before their decimals and no other sign; or separate the columns by semicolons."
FILL = "Fill it, or drop the row or the column."
Cells = list[str] | Array  # as they are written, or numbers; what is missing is NaN there


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length.

    Attributes:
        file: name of the file, for the errors.
        columns: by name, one cell a row.
        rows: what the file calls each row, the header being row 1.
        decimal: the sign before decimals, "." or ",".
        chosen: what was found out about the file and not said by the user, in phrases.
    """

    file: str
    columns: dict[str, Cells]
    rows: list[int]
    decimal: str = "."
    chosen: tuple[str, ...] = ()

    def numbers(self, name: str, cure: str) -> Array:
        """(rows,) float64 of a column.

        Args:
            name: of the column.
            cure: what to do about a cell that is no number.

        Raises:
            FileError: if a cell is empty or no number; it names row and column.
        """
        cells = self.columns[name]
        if isinstance(cells, list):
            try:
                values = np.array([float(self._dotted(cell)) for cell in cells])
            except ValueError:
                values = np.array([self._number(cell) for cell in cells])
        else:
            values = cells
        wrong = np.flatnonzero(np.isnan(values))
        if len(wrong):
            cell = cells[wrong[0]]
            written = cell if isinstance(cell, str) else ""
            commas = self.decimal == "." and is_number(written.replace(",", ""))
            self._refuse(name, "a number", written, wrong, POINTS if commas else cure)
        return values

    def words(self, name: str) -> list[str]:
        """A column as it is written; whole numbers without decimals.

        Raises:
            FileError: if a cell is empty; it names row and column.
        """
        cells = self.columns[name]
        if not isinstance(cells, list):
            values = self.numbers(name, FILL)
            return [str(int(value)) if value == int(value) else repr(value) for value in values]
        empty = np.array([n for n, cell in enumerate(cells) if not cell])
        if len(empty):
            self._refuse(name, "a value", "", empty, FILL)
        return cells

    def is_text(self, name: str) -> bool:
        """Whether no cell of a column is a number."""
        cells = self.columns[name]
        return isinstance(cells, list) and all(
            np.isnan(self._number(cell)) and cell.lower() != "nan" for cell in cells
        )

    def _number(self, cell: str) -> float:
        """A cell's number; NaN where it is none."""
        try:
            return float(self._dotted(cell))
        except ValueError:
            return np.nan

    def _dotted(self, cell: str) -> str:
        return cell if self.decimal == "." else cell.replace(self.decimal, ".")

    def _refuse(self, name: str, expected: str, cell: str, wrong: Array, cure: str) -> None:
        more = f", and as little in {len(wrong) - 1} more" if len(wrong) > 1 else ""
        what = repr(cell if len(cell) <= 30 else f"{cell[:27]}...") if cell else "nothing"
        raise FileError(
            self.file, f"{expected} in every cell of {name}", f"{what} in row {self.rows[wrong[0]]}{more}",
            cure if cell else FILL,
        )  # fmt: skip


def is_number(cell: str) -> bool:
    """Whether a cell can be read as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
