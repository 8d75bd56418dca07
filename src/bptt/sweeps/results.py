"""The rows of a sweep in Python, and out into other programs."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bptt.errors import FileError, OptionError
from bptt.files import write_bytes
from bptt.sweeps.rows import COLUMNS, CONFIGURATION
from bptt.sweeps.store import Store


class Sweep:
    """What was measured.

    Args:
        rows: one dict per point.
        path: the file they are kept in, if any.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], path: str | Path | None = None) -> None:
        self.path = path
        self._rows = [{name: row.get(name) for name in COLUMNS} for row in rows]

    def rows(self) -> list[dict[str, Any]]:
        """One dict per point: configuration, version, status, error and measures; None for no number."""
        return [dict(row) for row in self._rows]

    @property
    def varied(self) -> tuple[str, ...]:
        """The fields of the configuration that are not the same in all rows."""
        return tuple(name for name in CONFIGURATION if len({row[name] for row in self._rows}) > 1)

    @property
    def failed(self) -> int:
        """How many points could not be measured."""
        return sum(row["status"] == "failed" for row in self._rows)

    @property
    def verdicts(self) -> dict[str, int]:
        """How many points have each verdict."""
        found = Counter(row["verdict"] for row in self._rows if row["verdict"])
        return {name: found[name] for name in ("vanishing", "steady", "exploding") if found[name]}

    def save(self, path: str | Path) -> Path:
        """Write the rows as .csv or .parquet, by the name's ending.

        Raises:
            OptionError: if it ends otherwise.
            FileError: if it cannot be written, or pyarrow is missing.
        """
        ending = Path(path).suffix
        if ending not in (".csv", ".parquet"):
            raise OptionError(
                "export", "a name ending in .csv or .parquet", str(path), "Rename it."
            )
        return self.to_csv(path) if ending == ".csv" else self.to_parquet(path)

    def to_csv(self, path: str | Path) -> Path:
        """Write the rows as comma-separated values, with a line of names; nothing stands for None.

        Raises:
            FileError: if it cannot be written.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        return write_bytes(path, text.getvalue().encode())

    def to_parquet(self, path: str | Path) -> Path:
        """Write the rows as a Parquet file, typed; needs pyarrow.

        Raises:
            FileError: if it cannot be written, or pyarrow is missing.
        """
        try:
            import pyarrow as pa
            import pyarrow.parquet as parquet
        except ImportError:
            raise FileError(
                str(path), "pyarrow, which writes Parquet", "none installed",
                "pip install pyarrow, or export to .csv.",
            ) from None  # fmt: skip
        types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
        schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.Table.from_pylist(self._rows, schema), sink)
        return write_bytes(path, sink.getvalue().to_pybytes())

    def __len__(self) -> int:
        """How many points."""
        return len(self._rows)

    def __repr__(self) -> str:
        """How many points, over what, and what came out."""
        parts = [f"{len(self)} points", "over " + ", ".join(self.varied) if self.varied else ""]
        parts += [f"{count} {verdict}" for verdict, count in self.verdicts.items()]
        parts += [f"{self.failed} failed" if self.failed else ""]
        return f"Sweep({'; '.join(part for part in parts if part)})"


def open(path: str | Path) -> Sweep:
    """All rows of a sweep's file; a sweep that is still running may be read.

    Raises:
        FileError: if it is missing, or no such file.
    """
    with Store(path) as store:
        return Sweep(store.rows(), path)
