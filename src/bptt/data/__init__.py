"""What networks read: real sequences, and tasks whose answer lies a known lag back; all of them by name."""

from bptt.data import tasks
from bptt.data.own import ENDINGS, Reading, ending_of
from bptt.data.series import PACKAGED, Batch, Series
from bptt.data.tasks import Task
from bptt.data.tasks.noise import noise
from bptt.data.text import DEFAULT_TEXT, Text

Data = Text | Series | Task

__all__ = [
    "DEFAULT_TEXT",
    "Batch",
    "Data",
    "Reading",
    "Series",
    "Task",
    "Text",
    "is_file_of_sequences",
    "is_series",
    "load",
    "tasks",
]


def is_series(source: str) -> bool:
    """Whether this names sequences that have a length of their own: a set, or a file of sequences."""
    return source in PACKAGED or is_file_of_sequences(source)


def is_file_of_sequences(source: str) -> bool:
    """Whether this is the path of a file of labelled sequences, by its ending."""
    return ending_of(source) in ENDINGS


def load(
    source: str,
    length: int | None = None,
    characters: str | None = None,
    *,
    as_stored: bool = False,
    reading: Reading | None = None,
) -> Data:
    """Sequences by name or path: for every command, the live page and sweeps.

    Args:
        source: a task (``bptt.data.tasks.NAMES``) or "noise"; "text", "vowels" or "acsf1"; or the path of a
            file: of labelled sequences (``bptt.data.own.ENDINGS``), or a text in UTF-8 (.txt, .md or no ending).
        length: of a task or noise; their own if None. The others have a length of their own.
        characters: the vocabulary of a text; its own if None.
        as_stored: of a file of sequences: all of them in both parts, neither scaled nor split.
        reading: of a file of sequences, what the user says about it.

    Raises:
        FileError: if the file is missing or not what it says.
        OptionError: if a task cannot be made in that length, the package that ships a set or reads a file is
            missing, something must be said of a file that is not, or is said and has no effect.
    """
    reading = reading or Reading()
    if not is_file_of_sequences(source):
        reading.refuse(reading.said, f"for {source}, which is no file of sequences")
    if source == "noise":
        return noise() if length is None else noise(length)
    if source in tasks.NAMES:
        return tasks.load(source, length)
    if is_series(source):
        return Series.load(source, as_stored, **vars(reading))
    return Text.load(source, characters)
