"""The lock of the one writer: on an empty file beside the sweep's, which the system lets go of with the process."""

from errno import EISDIR, ENOENT
from pathlib import Path
from typing import TYPE_CHECKING

from bptt.errors import FileError
from bptt.files import reason

if TYPE_CHECKING:
    from filelock import BaseFileLock

PATIENCE = 0.2  # seconds: a sweep that has just ended may be taking its lock away


def acquire(path: Path) -> "BaseFileLock":
    """The lock of a sweep's file, held.

    Raises:
        FileError: if another sweep holds it, or no file can be made there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock")
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "is a directory")
        if not path.absolute().parent.is_dir():  # filelock would make it
            raise FileNotFoundError(ENOENT, "no such folder")
        lock.acquire(timeout=PATIENCE, poll_interval=PATIENCE / 10)
    except Timeout:
        raise FileError(
            str(path), "a file that no other sweep writes to", "one that is in use",
            "Wait for the other sweep, or choose another file; their rows can be read meanwhile.",
        ) from None  # fmt: skip
    except OSError as error:
        raise FileError(
            str(path), "a place to write to", reason(error), "Choose another path."
        ) from error
    return lock


def release(lock: "BaseFileLock") -> None:
    """Let go of it, and take its file away."""
    # While it is held: whoever waits for it sees that its file is gone, and makes a new one.
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
