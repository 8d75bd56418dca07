"""Files: written whole or not at all, and read without ever unpickling."""

import os
import tempfile
from pathlib import Path

import safetensors.numpy
from safetensors import SafetensorError, safe_open

from bptt.arrays import Array
from bptt.errors import FileError


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


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays and notes of a safetensors file.

    Raises:
        FileError: if it is missing, cut short or not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(str(path), "a .safetensors file", "no such file", "Check the path.")
    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise FileError(
            str(path), "a .safetensors file", f"something else ({error})",
            "Save the model with bptt train or network.save; pickled files are never opened.",
        ) from error  # fmt: skip


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
