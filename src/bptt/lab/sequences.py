"""Sequences of one's own: a dropped .npz or .csv file becomes the data of the page.

It is read as numbers and names, never unpickled, and refused where it would unpack to more than is measured here.
"""

import zipfile
from io import BytesIO
from typing import Any

from bptt.data import Reading, Series
from bptt.errors import FileError
from bptt.lab.upload import MAX_BYTES

ENDINGS = [".npz", ".csv"]
UNPACKED = 2**29  # bytes of the arrays
LONGEST = 2000  # steps that are measured in a moment
TOLD, TIME, BATCH = "as their shapes tell", "time first", "batch first"
AXES = {TOLD: None, TIME: False, BATCH: True}


def dropped(name: str, content: bytes, said: dict[str, Any], *, as_stored: bool) -> Series:
    """The sequences in a file.

    Args:
        name: of the file, as the user knows it.
        content: all of it.
        said: "inputs", "target" and "sequence" as they stand in their fields, and "axes", one of ``AXES``.
        as_stored: whether the numbers are taken as they stand, for weights that PyTorch saved.

    Raises:
        FileError: if it is too large, or not such a file.
        OptionError: if something must be said that is not, or is said and does not fit.
    """
    if not name.lower().endswith(tuple(ENDINGS)):
        raise FileError(name, "a .npz or .csv file", "another ending", "Write it as one of these.")
    size = len(content)
    if size <= MAX_BYTES and zipfile.is_zipfile(BytesIO(content)):
        size = sum(part.file_size for part in zipfile.ZipFile(BytesIO(content)).infolist())
    if len(content) > MAX_BYTES or size > UNPACKED:
        raise FileError(
            name, f"at most {MAX_BYTES >> 20} MB, unpacked {UNPACKED >> 20} MB", f"{size >> 20} MB",
            "The command bptt diagnose measures larger ones.",
        )  # fmt: skip
    words = {key: said[key].strip() or None for key in ("inputs", "target", "sequence")}
    reading = Reading.of(**words, batch_first=AXES[said["axes"]])
    series = Series.read(name, BytesIO(content), reading, as_stored)
    steps = int(series.held_out.lengths.max())
    if steps > LONGEST:
        raise FileError(
            name, f"sequences of at most {LONGEST:,} steps", f"{steps:,}",
            "The command bptt diagnose measures longer ones.",
        )  # fmt: skip
    return series
