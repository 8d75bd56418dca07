"""The arrays in a .npz file: their types and shapes first, their numbers where they are asked for. Nothing is unpickled."""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from bptt import files
from bptt.arrays import Array
from bptt.errors import BpttError, FileError

CURE = "Write it with numpy.savez."
PLAIN = "biufUS"  # kinds of numbers and texts


@dataclass(frozen=True)
class Stored:
    """An array that is not read yet.

    Attributes:
        dtype: its type.
        shape: its axes.
        size: bytes of its numbers.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int


@contextmanager
def reading(name: str, expected: str = "a .npz file") -> Iterator[None]:
    """What goes wrong in a file that is damaged, or no such file, is one error of ours."""
    try:
        yield
    except (
        OSError, ValueError, EOFError, TypeError, KeyError, RuntimeError, SyntaxError, MemoryError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        if isinstance(error, BpttError):  # which is a ValueError too
            raise
        missing = isinstance(error, OSError) and error.strerror is not None
        got = files.reason(error) if missing else "something else, or a file that is damaged"
        raise FileError(name, expected, got, "Check the path." if missing else CURE) from error


class Archive:
    """An open .npz file.

    Args:
        name: of the file, for the errors.
        stream: its content.

    Attributes:
        stored: the arrays, by name.

    Raises:
        FileError: if it is no such file, or is damaged.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        with reading(name):
            kind = files.kind_in(stream.read(2**16))
            stream.seek(0)
            if not zipfile.is_zipfile(stream):
                got = "something else, or a file that is cut short" if kind is None else kind.what
                raise FileError(name, "a .npz file", got, CURE)
            self._archive = zipfile.ZipFile(stream)
            self._check_parts()
            names = [each for each in self._archive.namelist() if each.endswith(".npy")]
            self.stored = {each.removesuffix(".npy"): self._header(each) for each in names}

    def _check_parts(self) -> None:
        """Before any of them is unpacked."""
        for part in self._archive.infolist():
            try:
                files.check_unpacked(part)
            except ValueError as error:
                raise FileError(
                    self.name, "arrays of about the size of the file", str(error),
                    "Write it with numpy.savez, which does not compress.",
                ) from error  # fmt: skip

    def _header(self, member: str) -> Stored:
        with self._archive.open(member) as part:
            version = np.lib.format.read_magic(part)
            of = np.lib.format
            header = of.read_array_header_1_0 if version == (1, 0) else of.read_array_header_2_0
            shape, _, dtype = header(part)
            numbers = self._archive.getinfo(member).file_size - part.tell()
            return Stored(dtype, shape, numbers)

    def read(self, name: str) -> Array:
        """The numbers of an array.

        Raises:
            FileError: if it holds other things than numbers or texts, or is damaged.
        """
        stored = self.stored[name]
        if stored.dtype.kind not in PLAIN:
            what = (
                "objects of Python's, which are never unpickled"
                if stored.dtype.hasobject
                else str(stored.dtype)
            )
            raise FileError(
                self.name, f"numbers in {name}", what, f"Save one array of numbers: numpy.asarray({name}, float).",
            )  # fmt: skip
        size = stored.dtype.itemsize * math.prod(stored.shape)
        if stored.size != size:  # before room is made for what a header claims
            raise FileError(self.name, f"{size:,} bytes in {name}", f"{stored.size:,}", CURE)
        with reading(self.name), self._archive.open(f"{name}.npy") as part:
            return np.asarray(np.lib.format.read_array(part, allow_pickle=False))

    def listed(self) -> str:
        """What it holds: "a (3, 4), b (3,)"."""
        return ", ".join(f"{name} {each.shape}" for name, each in self.stored.items())
