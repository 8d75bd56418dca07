"""Sweeps that were kept: from a file, or from the bytes of one."""

from pathlib import Path

from bptt.arrays import Array
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.results import Sweep
from bptt.sweeps.store.layers import Layers
from bptt.sweeps.store.store import Store


def open(path: str | Path) -> Sweep:
    """Read all rows of a sweep's file, of a sweep that is still running too.

    The file may come from anyone: it is opened for reading only, nothing in it is run, and it must be
    exactly what ``sweep`` writes.

    Raises:
        FileError: if it is missing, is another kind of file, is damaged or too large.
    """
    with Store(path) as store:
        return of_file(path, store.rows())


def of_file(path: str | Path, rows: Rows) -> Sweep:
    """A sweep of rows that were read from its file; the layers are read when they are asked for."""

    def layers(ids: Array) -> Layers:
        with Store(path) as store:
            return store.layers(ids)

    return Sweep(rows, path, layers)


def read_bytes(content: bytes, name: str = "the file") -> Sweep:
    """Read all rows of a sweep's file that is in memory, an upload for example; ``name`` is for the errors.

    Raises:
        FileError: if it is another kind of file, is damaged or too large.
    """
    with Store(name, content=content) as store:
        rows = store.rows()

    def layers(ids: Array) -> Layers:
        with Store(name, content=content) as store:
            return store.layers(ids)

    return Sweep(rows, None, layers)
