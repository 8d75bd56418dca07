"""Text that takes seconds to make and is the same until a package is changed: kept in the user's folder of caches.

A file that is not whole, or that cannot be read or written, is as good as none: the text is made anew. Whoever can write into
that folder can write into the user's packages as well, so what is found there is believed.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bptt.errors import FileError
from bptt.files import write_bytes


def folder() -> Path:
    """Where it is kept: what the system says, for bptt."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "bptt" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "bptt"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "bptt"


def kept(name: str, of: str, make: Callable[[], str]) -> str:
    """The text, from where it is kept, or made and kept from now on.

    Args:
        name: what it is, a name for a file without an ending.
        of: all that it depends on; another ``of`` is another text, and takes the place of the one before.
        make: gives it.
    """
    key = _digest(of)
    try:
        path = folder() / f"{name}.txt"
        head, _, text = path.read_text("utf-8").partition("\n")
        if head == f"{key} {_digest(text)}":
            return text
    except (OSError, RuntimeError, UnicodeError):  # nothing there, or no home
        pass
    text = make()
    try:
        path = folder() / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, f"{key} {_digest(text)}\n{text}".encode())
    except (OSError, RuntimeError, FileError):
        pass
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
