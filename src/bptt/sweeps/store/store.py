"""The file of a sweep: one SQLite database, a row per point, one writer.

Rows are keyed by configuration and version of the library, and written in transactions: a killed sweep leaves
whole rows. While one writes, others may read.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bptt.errors import FileError
from bptt.sweeps.point.rows import COLUMNS
from bptt.sweeps.store import lock, untrusted
from bptt.version import __version__

APPLICATION = 0x62707474  # "bptt", in the header of the file
SCHEMA = 2
PATIENCE = 60.0  # seconds that a writer waits for a reader, and a reader for a writer
SQL = {str: "TEXT", int: "INTEGER", float: "REAL"}
NAMES = ("key", *COLUMNS)
TYPED = ", ".join(f"{name} {SQL[kind]}" for name, kind in COLUMNS.items())
TABLE = f"CREATE TABLE points (key TEXT, {TYPED}, PRIMARY KEY (key, version))"


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
        """Write rows, all of them or, where that fails, none.

        Raises:
            FileError: if there is no room, or the file cannot be written.
        """
        values = [tuple(row.get(name) for name in NAMES) for row in rows]
        marks = ", ".join("?" * len(NAMES))
        with self._errors_explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                if self._is_new:
                    self._make()
                self._database.executemany(
                    f"INSERT OR REPLACE INTO points VALUES ({marks})", values
                )
                self._database.execute("COMMIT")
                self._is_new = False
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def rows(self) -> list[dict[str, Any]]:
        """All rows, in the order in which they were written."""
        if self._is_new:
            return []
        with self._errors_explained():
            cursor = self._database.execute(f"SELECT {', '.join(NAMES)} FROM points ORDER BY rowid")
            rows = [dict(zip(NAMES, row, strict=True)) for row in cursor]
        for row in rows:
            untrusted.check_row(str(self.path), row)
        return rows

    def _prepare(self, write: bool) -> None:
        """Check the file's kind, schema and version."""
        ((application,),) = self._database.execute("PRAGMA application_id")
        ((schema,),) = self._database.execute("PRAGMA user_version")
        ((tables,),) = self._database.execute("SELECT count(*) FROM sqlite_master")
        if application != APPLICATION and (tables or not write):
            got = "another SQLite database" if tables else "no rows yet"
            raise FileError(
                str(self.path), "the file of a sweep", got,
                "Nothing in it was changed. Choose another file.",
            )  # fmt: skip
        self._is_new = not tables
        if self._is_new:
            return
        if schema != SCHEMA:
            raise FileError(
                str(self.path), f"a sweep kept in schema {SCHEMA}", f"schema {schema}",
                "Nothing in it was changed. Choose another file, or the version of bptt that made it.",
            )  # fmt: skip
        untrusted.check_schema(str(self.path), self._database, TABLE)
        others = self._database.execute(
            "SELECT DISTINCT version FROM points WHERE version != ?", (__version__,)
        ).fetchall()
        if write and others:
            raise FileError(
                str(self.path), f"rows of bptt {__version__}", f"rows of bptt {others[0][0]}",
                "Nothing in it was changed, and it can still be read and exported. Choose another "
                "file to measure anew, or install that version to go on.",
            )  # fmt: skip

    def _make(self) -> None:
        """The table, in the transaction of the first rows: a sweep that cannot begin leaves no file."""
        self._database.execute(f"PRAGMA application_id = {APPLICATION}")
        self._database.execute(f"PRAGMA user_version = {SCHEMA}")
        self._database.execute(TABLE)

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
