"""Checks of a sweep's file before it is believed: it may come from anyone.

It is opened for reading only, its schema must be one that this library writes, and every value must be of its
column's type. So no view, trigger or virtual table of the file is ever run.
"""

import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from bptt.diagnosis import VERDICT_CODES
from bptt.errors import FileError
from bptt.sweeps.point.columns import LONGEST, Rows

MOST_ROWS = 1_000_000
MOST_BYTES = 2**35  # of a file on disk, which is not read into memory as a whole
MOST_IN_MEMORY = 2**30  # of one that is
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
    if len(content) > MOST_IN_MEMORY:
        raise FileError(
            name,
            f"a file of at most {MOST_IN_MEMORY:,} bytes",
            f"{len(content):,}",
            "Open it from disk, by bptt.sweeps.open.",
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


def check_size(name: str, database: sqlite3.Connection) -> None:
    """Refuse more rows than are read.

    Raises:
        FileError: if there are more.
    """
    ((rows,),) = database.execute("SELECT count(*) FROM points")
    if rows > MOST_ROWS:
        raise FileError(name, f"at most {MOST_ROWS:,} rows", f"{rows:,}", "Sweep in parts.")


def check_rows(name: str, rows: Rows) -> None:
    """Refuse rows that this library cannot have written.

    Raises:
        FileError: naming the column.
    """
    if not len(rows):
        return
    for column, allowed in OUTCOMES.items():
        for value in rows.distinct(column):
            if value not in allowed:
                raise FileError(
                    name, f"{column} one of {', '.join(map(str, allowed))}", repr(value)[:80],
                    "It is damaged.",
                )  # fmt: skip
    missing = [column for column in NEVER_EMPTY if None in rows.distinct(column)]
    if missing:
        raise FileError(name, f"a value in {missing[0]}", "none", "It is damaged.")
