"""What a file's name says that it is to hold."""

from collections.abc import Sequence
from pathlib import Path

from bptt.errors import OptionError


def as_ending(path: str | Path, endings: Sequence[str], name: str = "path") -> str:
    """The ending of a path, one of those that can be written.

    Args:
        path: of the file.
        endings: with their dots.
        name: of the argument, for the error.

    Raises:
        OptionError: if it ends otherwise.

    >>> as_ending("map.svg", (".html", ".svg"))
    '.svg'
    >>> as_ending("map.gif", (".html", ".svg"))
    Traceback (most recent call last):
    bptt.errors.OptionError: path: expected a name ending in .html, .svg, got map.gif. Rename it.
    """
    ending = Path(path).suffix
    if ending not in endings:
        raise OptionError(name, "a name ending in " + ", ".join(endings), str(path), "Rename it.")
    return ending
