"""A disk that is too small, or that nobody may write to: a file system in memory, mounted for one trial."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

PAGE = 4096  # bytes, the least that such a disk grows by


@contextmanager
def small_disk(pages: int) -> Iterator[Path]:
    """A folder on a disk of so many pages of 4,096 bytes."""
    with TemporaryDirectory(prefix="c-") as folder:
        _mount("-t", "tmpfs", "-o", f"size={pages * PAGE}", "tmpfs", folder)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def make_room(folder: Path) -> None:
    """Let the disk hold 64 MB."""
    _mount("-o", "remount,size=64m", str(folder))


def forbid_writing(folder: Path) -> None:
    """Let nobody write to the disk, the administrator neither; rights of a folder do not bind that one."""
    _mount("-o", "remount,ro", str(folder))


def allowed() -> bool:
    """Whether this user may mount a disk."""
    try:
        with small_disk(1):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True, capture_output=True)
