"""What networks read: real sequences, and tasks whose answer lies a known lag back; all of them by name."""

from bptt.data import tasks
from bptt.data.series import PACKAGED, Batch, Series
from bptt.data.tasks import Task
from bptt.data.tasks.noise import noise
from bptt.data.text import DEFAULT_TEXT, Text

Data = Text | Series | Task

__all__ = ["DEFAULT_TEXT", "Batch", "Data", "Series", "Task", "Text", "is_series", "load", "tasks"]


def is_series(source: str) -> bool:
    """Whether this names sequences that have a length of their own: a set, a .npz or a .csv file."""
    return source in PACKAGED or source.endswith((".npz", ".csv"))


def load(
    source: str,
    length: int | None = None,
    characters: str | None = None,
    *,
    as_stored: bool = False,
) -> Data:
    """Sequences by name or path: for every command, the live page and sweeps.

    Args:
        source: a task (``bptt.data.tasks.NAMES``) or "noise"; "text", "vowels" or "acsf1"; or the path of a
            file: .npz or .csv hold labelled sequences, any other ending a text in UTF-8.
        length: of a task or noise; their own if None. The others have a length of their own.
        characters: the vocabulary of a text; its own if None.
        as_stored: of a file of sequences: all of them in both parts, neither scaled nor split.

    Raises:
        FileError: if the file is missing or not what it says.
        OptionError: if a task cannot be made in that length, or the package that ships a set is missing.
    """
    if source == "noise":
        return noise() if length is None else noise(length)
    if source in tasks.NAMES:
        return tasks.load(source, length)
    if is_series(source):
        return Series.load(source, as_stored)
    return Text.load(source, characters)
