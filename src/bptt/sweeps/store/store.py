"""The file of a sweep: one SQLite database, a row per point and one per layer, one writer.

Rows are keyed by configuration and version of the library, and written in transactions: a killed sweep leaves
whole rows. While one writes, others may read.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import FileError
from bptt.sweeps.point.columns import Builder, Rows
from bptt.sweeps.point.rows import COLUMNS, FIELDS
from bptt.sweeps.store import layers, lock, schema, untrusted
from bptt.sweeps.store.layers import Layers
from bptt.version import __version__

PATIENCE = 60.0  # seconds that a writer waits for a reader, and a reader for a writer
AT_ONCE = 20_000  # rows that are read
NAMES = ("key", *COLUMNS)


class Store:
    """An open file.

    Args:
        path: of the file; None keeps the rows in memory.
        write: whether to add rows; a file that does not exist is made.
        content: the bytes of the file, where it is in memory; only for reading.

    Raises:
        FileError: if it is missing, another kind of file, of another schema, or cannot be read; when writing
            also if it holds rows of another version, or another sweep is writing to it.
    """

    def __init__(
        self, path: str | Path | None, *, write: bool = False, content: bytes | None = None
    ) -> None:
        self.path, self._lock, self._is_new = path, None, True
        self._schema, self._id = schema.SCHEMA, schema.NUMBERED[schema.SCHEMA]
        if path is not None and content is None and not write and not Path(path).is_file():
            raise FileError(str(path), "the file of a sweep", "no such file", "Check the path.")
        if path is not None and write:
            self._lock = lock.acquire(Path(path))
        try:
            with self._errors_explained():
                if content is not None:
                    self._database = untrusted.opened_bytes(str(path), content)
                elif path is None or write:
                    self._database = sqlite3.connect(
                        ":memory:" if path is None else path, timeout=PATIENCE, isolation_level=None
                    )
                else:
                    self._database = untrusted.opened_file(path, PATIENCE)
                if path is not None and not write:
                    untrusted.restrict(self._database)
                self._prepare(write)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file, and of the lock."""
        if hasattr(self, "_database"):
            self._database.close()
        if self._lock is not None:
            file = Path(str(self.path))
            if file.exists() and file.stat().st_size == 0:  # opened, and nothing was written
                file.unlink()
            lock.release(self._lock)

    def __enter__(self) -> "Store":
        """The store itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def statuses(self) -> dict[str, str]:
        """The key of every point that is there, and whether it was "ok" or "failed"."""
        if self._is_new:
            return {}
        with self._errors_explained():
            return dict(self._database.execute("SELECT key, status FROM points"))

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows with their layers, all of them or, where that fails, none.

        Raises:
            FileError: if there is no room, or the file cannot be written.
        """
        marks = ", ".join("?" * len(NAMES))
        insert = f"INSERT OR REPLACE INTO points ({', '.join(NAMES)}) VALUES ({marks})"
        with self._errors_explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                if self._is_new:
                    schema.make(self._database)
                of_layers: list[tuple[Any, ...]] = []
                for row in rows:
                    values = tuple(row.get(name) for name in NAMES)
                    self._database.execute(layers.FORGET, (row.get("key"), row.get("version")))
                    point = self._database.execute(insert, values).lastrowid
                    of_layers += layers.written(point, row.get("by_layer") or ())
                self._database.executemany(layers.INSERT, of_layers)
                self._database.execute("COMMIT")
                self._is_new = False
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def rows(self) -> Rows:
        """All rows, in the order in which they were written.

        Raises:
            FileError: if it is damaged.
        """
        made = Builder(str(self.path), FIELDS)
        if self._is_new:
            return made.rows()
        names = ", ".join(COLUMNS)
        with self._errors_explained():
            cursor = self._database.execute(
                f"SELECT {self._id}, {names} FROM points ORDER BY {self._id}"
            )
            while some := cursor.fetchmany(AT_ONCE):
                ids, *columns = zip(*some, strict=True)
                made.add(columns, ids)
        rows = made.rows()
        untrusted.check_rows(str(self.path), rows)
        return rows

    def ids(self) -> dict[str, int]:
        """The number of every point, by its key."""
        if self._is_new:
            return {}
        with self._errors_explained():
            return dict(self._database.execute(f"SELECT key, {self._id} FROM points"))

    def layers(self, ids: Array) -> Layers:
        """The layers of some points.

        Args:
            ids: numbers of the points, ``Rows.ids``.

        Raises:
            FileError: if the file is of a version that kept none, or is damaged.
        """
        if self._is_new:
            return layers.read(str(self.path), self._database, np.zeros(0, int))
        if self._schema == schema.WITHOUT_LAYERS:
            raise FileError(
                str(self.path), "a sweep that keeps every layer and its curves by lag", "one of an older bptt, which kept none",
                "Measure it again, into another file.",
            )  # fmt: skip
        with self._errors_explained():
            return layers.read(str(self.path), self._database, ids)

    def _prepare(self, write: bool) -> None:
        """Check the file's kind, schema and version."""
        ((application,),) = self._database.execute("PRAGMA application_id")
        ((self._schema,),) = self._database.execute("PRAGMA user_version")
        ((tables,),) = self._database.execute("SELECT count(*) FROM sqlite_master")
        if application != schema.APPLICATION and (tables or not write):
            got = "another SQLite database" if tables else "no rows yet"
            raise FileError(
                str(self.path), "the file of a sweep", got,
                "Nothing in it was changed. Choose another file.",
            )  # fmt: skip
        self._is_new = not tables
        if self._is_new:
            return
        only_read = "" if write else f" or {schema.WITHOUT_LAYERS}"
        if self._schema != schema.SCHEMA and (write or self._schema != schema.WITHOUT_LAYERS):
            readable = self._schema == schema.WITHOUT_LAYERS
            raise FileError(
                str(self.path), f"a sweep kept in schema {schema.SCHEMA}{only_read}", f"schema {self._schema}",
                "Nothing in it was changed"
                + (", and it can still be read and exported. Choose another file to measure anew." if readable else
                   ". Choose another file, or the version of bptt that made it."),
            )  # fmt: skip
        self._id = schema.NUMBERED[self._schema]
        schema.check(str(self.path), self._database, self._schema)
        untrusted.check_size(str(self.path), self._database)
        others = self._database.execute(
            "SELECT DISTINCT version FROM points WHERE version != ?", (__version__,)
        ).fetchall()
        if write and others:
            raise FileError(
                str(self.path), f"rows of bptt {__version__}", f"rows of bptt {others[0][0]}",
                "Nothing in it was changed, and it can still be read and exported. Choose another "
                "file to measure anew, or install that version to go on.",
            )  # fmt: skip

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        """Turn an error of the database into a FileError that names the cure."""
        try:
            yield
        # a damaged row may come out of sqlite3 as text that is none
        except (sqlite3.Error, UnicodeDecodeError) as error:
            expected, cure = "a file that can be read and written", "Check the path and its rights."
            text = str(error)
            if "full" in text or "I/O" in text:
                expected = "room for the rows"
                cure = "Finished rows are safe: make room and start the same sweep again."
            elif any(
                word in text
                for word in ("not a database", "malformed", "decode", "too big", "interrupt")
            ):
                expected, cure = "the file of a sweep", "Nothing in it was changed. Choose another."
            elif "locked" in text:
                expected, cure = "a file that nobody else holds", "Wait until it is free."
            raise FileError(str(self.path), expected, text, cure) from error
