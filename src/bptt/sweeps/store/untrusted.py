"""Checks of a sweep's file before it is believed: it may come from anyone.

It is opened for reading only, its schema must be the one that this library writes, and every value must be of its
column's type. So no view, trigger or virtual table of the file is ever run.
"""

import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from bptt.diagnosis import VERDICT_CODES
from bptt.errors import FileError
from bptt.sweeps.point.rows import COLUMNS

MOST_ROWS = 1_000_000
MOST_BYTES = 2**30  # of a file
LONGEST = 20_000  # bytes of a row's texts together
TIMES = 4_000_000  # thousands of steps of the database's machine, far more than reading takes
NEVER_EMPTY = ("version", "status", "cell", "gain", "hidden", "seed", "data")
OUTCOMES = {"status": ("ok", "failed"), "verdict": (None, *VERDICT_CODES)}


def opened_file(path: str | Path, timeout: float) -> sqlite3.Connection:
    """A file on disk, opened so that it cannot be changed.

    Where a writer was killed in the middle of a transaction, its journal lies beside the file and says what to take back. Only
    a writer may do that to the file: what is read then is a copy.

    Raises:
        FileError: if it is too large.
        sqlite3.Error: if it cannot be opened.
    """
    size = Path(path).stat().st_size
    if size > MOST_BYTES:
        raise FileError(
            str(path), f"a file of at most {MOST_BYTES:,} bytes", f"{size:,}", "Sweep in parts."
        )
    address = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
    database = sqlite3.connect(address, uri=True, timeout=timeout, isolation_level=None)
    try:
        database.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        database.close()
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        return _recovered(Path(path))
    return database


def _recovered(path: Path) -> sqlite3.Connection:
    """What the file holds without the transaction that was cut off."""
    with TemporaryDirectory(prefix="bptt-") as folder:
        copy = Path(folder) / "copy"
        for ending in ("", "-journal"):
            shutil.copyfile(f"{path}{ending}", f"{copy}{ending}")
        database = sqlite3.connect(copy)
        database.execute("PRAGMA schema_version").fetchone()  # takes it back
        database.close()
        return opened_bytes(str(path), copy.read_bytes())


def opened_bytes(name: str, content: bytes) -> sqlite3.Connection:
    """A file that came as bytes, an upload for example; a copy that nobody else can change.

    Raises:
        FileError: if it is too large.
        sqlite3.Error: if it is no database.
    """
    if len(content) > MOST_BYTES:
        raise FileError(
            name, f"a file of at most {MOST_BYTES:,} bytes", f"{len(content):,}", "Sweep in parts."
        )
    database = sqlite3.connect(":memory:", isolation_level=None)
    # Bytes 18 and 19 ask for a write-ahead log, which memory has not; 1 means there is none.
    plain = content[:18] + b"\1\1" + content[20:] if content[18:20] == b"\2\2" else content
    database.deserialize(plain or b"\0")
    return database


def restrict(database: sqlite3.Connection) -> None:
    """Let the file run nothing, reach nothing and take no endless time."""
    database.execute("PRAGMA query_only = ON")
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10 * LONGEST)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    ticks = iter(range(TIMES))
    database.set_progress_handler(lambda: next(ticks, None) is None, 1_000)


def check_schema(name: str, database: sqlite3.Connection, wanted: str) -> None:
    """Refuse anything but the one table.

    Raises:
        FileError: if the file holds something else.
        sqlite3.Error: if it is damaged.
    """
    entries = database.execute(
        "SELECT type, name, sql FROM sqlite_master ORDER BY type DESC"
    ).fetchall()
    if entries != [("table", "points", wanted), ("index", "sqlite_autoindex_points_1", None)]:
        raise FileError(
            name, "the one table of a sweep", ", ".join(f"{kind} {n}" for kind, n, _ in entries)[:200],
            "Nothing in it was run. Choose another file.",
        )  # fmt: skip
    ((rows,),) = database.execute("SELECT count(*) FROM points")
    if rows > MOST_ROWS:
        raise FileError(name, f"at most {MOST_ROWS:,} rows", f"{rows:,}", "Sweep in parts.")


def check_row(name: str, row: dict[str, Any]) -> None:
    """Refuse a row that this library cannot have written.

    Raises:
        FileError: naming the column.
    """
    for column, kind in COLUMNS.items():
        value = row[column]
        if value is not None and not isinstance(value, kind):
            raise FileError(
                name, f"{kind.__name__} in {column}", type(value).__name__, "It is damaged."
            )
    for column, allowed in OUTCOMES.items():
        if row[column] not in allowed:
            raise FileError(
                name, f"{column} one of {', '.join(map(str, allowed))}", repr(row[column])[:80],
                "It is damaged.",
            )  # fmt: skip
    missing = [n for n in NEVER_EMPTY if row[n] is None]
    if missing:
        raise FileError(name, f"a value in {missing[0]}", "none", "It is damaged.")
    if sum(len(value) for value in row.values() if isinstance(value, str)) > LONGEST:
        raise FileError(name, f"at most {LONGEST:,} characters in a row", "more", "It is damaged.")
