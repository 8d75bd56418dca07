"""Files: written whole or not at all, and read without ever unpickling."""

import os
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TypeVar

import safetensors.numpy
from safetensors import SafetensorError, safe_open

from bptt.arrays import Array
from bptt.errors import FileError

T = TypeVar("T")


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


def write_tensors(path: str | Path, tensors: dict[str, Array], notes: dict[str, str]) -> Path:
    """Write arrays and notes as one safetensors file.

    Raises:
        FileError: if it cannot be written.
    """
    return write_bytes(path, safetensors.numpy.save(tensors, metadata=notes))


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


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a safetensors file.

    Raises:
        FileError: if it is missing, cut short or not a safetensors file.
    """
    try:
        with open(path, "rb"):
            pass
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (OSError, ValueError) as error:
        raise FileError(
            str(path), "a .safetensors file", reason(error), "Check the path."
        ) from error
    except (SafetensorError, TypeError, AttributeError) as error:  # the last two: bfloat16, float8
        raise FileError(
            str(path), "a .safetensors file", f"something else ({error})",
            "Save the model with bptt train or network.save; pickled files are never opened.",
        ) from error  # fmt: skip


def reason(error: Exception) -> str:
    """Why a file could not be read, in lower case: "no such file or directory"."""
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_names(path: str | Path, found: Collection[str], wanted: Iterable[str], what: str) -> None:
    """Refuse a file in which something is missing.

    Raises:
        FileError: naming what is.
    """
    missing = [name for name in wanted if name not in found]
    if missing:
        raise FileError(
            str(path), what, f"a file without {', '.join(missing)}",
            "Save the model with bptt train or network.save.",
        )  # fmt: skip


def parsed(path: str | Path, name: str, parse: Callable[[], T]) -> T:
    """What a note of a file says.

    Raises:
        FileError: if it cannot be read.
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
