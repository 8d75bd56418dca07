"""A user's own labelled sequences: what a file holds, how it is read, and what was read of it in words."""

import stat
from pathlib import Path
from typing import BinaryIO

from bptt import files
from bptt.data.own.columns import sequences_in
from bptt.data.own.csv_file import read_csv
from bptt.data.own.finite import check_numbers
from bptt.data.own.frames import READERS as FRAMES
from bptt.data.own.frames import read_frame
from bptt.data.own.npz import read_npz
from bptt.data.own.own import Own
from bptt.data.own.reading import Reading
from bptt.errors import FileError

IN_TEXT = (".csv", ".tsv")
ENDINGS = (".npz", *IN_TEXT, *FRAMES)

__all__ = ["ENDINGS", "Own", "Reading", "ending_of", "read", "read_stream"]


def ending_of(name: str) -> str:
    """The ending of a name, in lower case."""
    return Path(name).suffix.lower()


def read(path: str, reading: Reading) -> Own:
    """The sequences in a file.

    Args:
        path: its ending is one of ``ENDINGS``.
        reading: what the user says.

    Raises:
        FileError: if the file is missing or not what it says.
        OptionError: if something must be said that is not, or is said that does not fit.
    """
    expected = f"a {ending_of(path)} file"
    try:
        kind = Path(path).stat().st_mode
        stream = (
            open(path, "rb") if stat.S_ISREG(kind) else None
        )  # reading a pipe might wait for ever
    except (OSError, ValueError) as error:
        raise FileError(path, expected, files.reason(error), "Check the path.") from error
    if stream is None:
        got = "a directory" if stat.S_ISDIR(kind) else "a pipe or a device"
        raise FileError(path, expected, got, "Pass the path of a file.")
    with stream:
        return read_stream(path, stream, reading)


def read_stream(name: str, stream: BinaryIO, reading: Reading) -> Own:
    """The sequences in an open file.

    Args:
        name: of the file; its ending is one of ``ENDINGS``.
        stream: its content.
        reading: what the user says.

    Raises:
        FileError: if the file is not what it says.
        OptionError: as for ``read``.
    """
    ending = ending_of(name)
    if ending == ".npz":
        own = read_npz(name, stream, reading)
    elif ending in IN_TEXT:
        own = sequences_in(read_csv(name, stream), reading)
    else:
        own = sequences_in(read_frame(name, stream, ending), reading)
    check_numbers(name, own)
    return own
