"""What is refused before it is read: pipes and devices, which may have no end, and archives that are made to harm."""

import os
import stat
from errno import EINVAL
from pathlib import Path
from zipfile import ZipInfo

SMALL = 2**26  # bytes that any part of an archive may unpack to
RATIO = 100  # and beyond that, so many times what it takes in the archive; numbers and texts pack 2 to 20 times


def check_regular(path: str | Path) -> None:
    """Refuse a pipe or a device: to open it might wait for ever.

    Raises:
        OSError: if it is one. What is missing is left to the reader.
    """
    try:
        kind = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise OSError(EINVAL, "a pipe or a device, not a file")


def check_unpacked(part: ZipInfo) -> None:
    """Refuse a part of a zip archive that unpacks to far more than any numbers do.

    Raises:
        ValueError: if it does.
    """
    if part.file_size > SMALL and part.file_size > RATIO * part.compress_size:
        raise ValueError(
            f"{part.filename}, of {part.compress_size:,} bytes, would unpack to {part.file_size:,}"
        )
