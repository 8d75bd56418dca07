"""A user's own labelled sequences: what a file holds, and how it is read."""

from pathlib import Path

from bptt.data.own.csv_file import read_csv
from bptt.data.own.npz import read_npz
from bptt.data.own.own import Own

READERS = {".npz": read_npz, ".csv": read_csv}

__all__ = ["READERS", "Own", "read"]


def read(source: str) -> Own:
    """The sequences in a file, by its ending.

    Args:
        source: the path; its ending is one of ``READERS``.

    Raises:
        FileError: if the file is missing or not what it says.
    """
    return READERS[Path(source).suffix](source)
