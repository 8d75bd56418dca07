"""The file of a sweep, spoiled."""

import sqlite3


def changed(path, *statements):
    """The file after some statements of SQL."""
    base = sqlite3.connect(path)
    with base:
        for statement in statements:
            base.execute(statement)
    base.close()
    return path
