"""Sequences in arrays of NumPy's (.npz): x (T, B, I), targets, and lengths (B,) if sequences differ."""

import zipfile
import zlib

import numpy as np

from bptt import files
from bptt.data.own.finite import check_numbers
from bptt.data.own.own import Own
from bptt.errors import FileError


def read_npz(source: str) -> Own:
    """Read it.

    Raises:
        FileError: if it is missing or not what it says.
    """
    try:
        with open(source, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            stored = dict(arrays)
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise FileError(
            source, "a .npz file", files.reason(error), "Write it with numpy.savez."
        ) from error
    files.check_names(source, stored, ("x", "targets"), "arrays x and targets")
    x, targets = stored["x"], stored["targets"]
    if x.ndim != 3 or x.dtype.kind not in "iuf" or 0 in x.shape:
        raise FileError(
            source, "x (T, B, I) of numbers", f"{x.dtype} {x.shape}", "Time first, then batch."
        )
    T, B, _ = x.shape
    lengths = stored.get("lengths", np.full(B, T))
    if (
        lengths.shape != (B,)
        or lengths.dtype.kind not in "iu"
        or not 1 <= lengths.min() <= lengths.max() <= T
    ):
        raise FileError(
            source, f"lengths ({B},) from 1 to {T}", f"{lengths.dtype} {lengths.shape}",
            "Save the steps of each sequence, or leave lengths out.",
        )  # fmt: skip
    if targets.shape not in ((B,), (T, B)) or targets.dtype.kind not in "iuf":
        raise FileError(
            source, f"targets ({B},) or ({T}, {B})", f"{targets.dtype} {targets.shape}",
            "One per sequence, or one per step.",
        )  # fmt: skip
    check_numbers(source, x, targets)
    sequences = [x[:n, b].astype(np.float64) for b, n in enumerate(lengths)]
    if targets.ndim == 1:
        return Own(sequences, list(targets))
    return Own(sequences, [targets[:n, b] for b, n in enumerate(lengths)])
