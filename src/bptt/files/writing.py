"""Files are written whole or not at all."""

import os
import tempfile
from pathlib import Path

from bptt.errors import FileError
from bptt.files.notes import reason


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a file under a temporary name beside it, then rename: no reader ever sees half of it.

    Raises:
        FileError: if the folder does not exist or cannot be written to.
    """
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it private
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise FileError(
            str(path), "a place to write to", error.strerror or str(error), "Choose another path."
        ) from error
    return path


def exists(path: str | Path) -> bool:
    """Whether something stands there; a path too long to exist does not."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def check_writable(path: str | Path) -> None:
    """Refuse a path before the work is done whose result it is for.

    Raises:
        FileError: if no file can be written there.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        if len(path.name.encode()) > 240:  # a temporary name beside it must fit too
            raise OSError(36, "File name too long")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise FileError(
            str(path), "a place to write to", reason(error), "Choose another path."
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
