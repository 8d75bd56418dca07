"""The tables of a sweep's file, and those of the files that an older version wrote.

points    a row per setting and version of the library
layers    a row per layer of a point: its numbers, and its curves by lag (``point.curves``)

Files of schema 2 had no layers: they can be read, and are not written to.
"""

import sqlite3

from bptt.errors import FileError
from bptt.sweeps.point.rows import COLUMNS, LAYERS

APPLICATION = 0x62707474  # "bptt", in the header of the file
SCHEMA, WITHOUT_LAYERS = 3, 2
SQL = {str: "TEXT", int: "INTEGER", float: "REAL"}
_POINT = ", ".join(f"{name} {SQL[kind]}" for name, kind in COLUMNS.items())
_LAYER = ", ".join(f"{each.name} {SQL[each.kind]}" for each in LAYERS)
POINTS = f"CREATE TABLE points (id INTEGER PRIMARY KEY, key TEXT, {_POINT}, UNIQUE (key, version))"
OF_LAYERS = (
    f"CREATE TABLE layers (point INTEGER, {_LAYER}, curves BLOB, PRIMARY KEY (point, layer))"
)
# By schema: the tables, and the column that numbers the points.
TABLES = {
    SCHEMA: (POINTS, OF_LAYERS),
    WITHOUT_LAYERS: (f"CREATE TABLE points (key TEXT, {_POINT}, PRIMARY KEY (key, version))",),
}
NUMBERED = {SCHEMA: "id", WITHOUT_LAYERS: "rowid"}


def make(database: sqlite3.Connection) -> None:
    """The tables of a new file."""
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute(f"PRAGMA user_version = {SCHEMA}")
    for table in TABLES[SCHEMA]:
        database.execute(table)


def check(name: str, database: sqlite3.Connection, schema: int) -> None:
    """Refuse anything but the tables of a schema.

    Raises:
        FileError: if the file holds something else.
        sqlite3.Error: if it is damaged.
    """
    entries = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    wanted = set()
    for table in TABLES[schema]:
        of = table.split()[2]
        wanted |= {("table", of, table), ("index", f"sqlite_autoindex_{of}_1", None)}
    if len(entries) != len(wanted) or set(entries) != wanted:
        raise FileError(
            name, "the tables of a sweep and no others", ", ".join(f"{kind} {n}" for kind, n, _ in entries)[:200],
            "Nothing in it was run. Choose another file.",
        )  # fmt: skip
