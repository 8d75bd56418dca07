"""What a file must hold, and why it could not be read."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TypeVar

from bptt.errors import FileError

T = TypeVar("T")


def reason(error: Exception) -> str:
    """Why a file could not be read, in lower case: "no such file or directory"."""
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


def check_names(
    path: str | Path, present: Collection[str], wanted: Iterable[str], what: str
) -> None:
    """Refuse a file in which something is missing.

    Args:
        path: of the file, for the error.
        present: names of its arrays or notes.
        wanted: names that must be among them.
        what: what the file was expected to be.

    Raises:
        FileError: if a name is missing; it says which.
    """
    missing = [name for name in wanted if name not in present]
    if missing:
        raise FileError(
            str(path), what, f"a file without {', '.join(missing)}",
            "Save the model with bptt train or network.save.",
        )  # fmt: skip


def parsed(path: str | Path, name: str, parse: Callable[[], T]) -> T:
    """What a note of a file says.

    Args:
        path: of the file, for the error.
        name: of the note.
        parse: reads the note.

    Raises:
        FileError: if ``parse`` fails.
    """
    try:
        return parse()
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(
            str(path),
            f"a readable note {name!r}",
            str(error),
            "The file is damaged: save it again.",
        ) from error
