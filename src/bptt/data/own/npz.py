"""Sequences in arrays of NumPy's (.npz): inputs, targets, and lengths if sequences differ.

    inputs   x, X, inputs or data: (T, B, I) or (B, T, I), or two axes of one number a step
    targets  y, Y, targets or labels: (B,), or one per step; integers, texts and booleans are classes
    lengths  (B,) steps of each sequence; what lies behind the end is not read

Arrays of other names are read where the user names them. Which axis is time: ``axes``.
"""

from typing import BinaryIO

import numpy as np

from bptt.arrays import Array
from bptt.data.own.archive import Archive
from bptt.data.own.axes import told
from bptt.data.own.classes import numbered
from bptt.data.own.names import found
from bptt.data.own.own import Own
from bptt.data.own.reading import Reading
from bptt.errors import FileError, OptionError
from bptt.presentation.formatting import counted

INPUTS = ("x", "input", "inputs", "data")
TARGETS = ("y", "target", "targets", "label", "labels")
LENGTHS = ("length", "lengths")


def read_npz(name: str, stream: BinaryIO, reading: Reading) -> Own:
    """Read it.

    Args:
        name: of the file, for the errors.
        stream: its content.
        reading: what the user says.

    Raises:
        FileError: if it is not what it says.
        OptionError: if a name that is said is none of its arrays, or its axes must be said.
    """
    reading.refuse(("sequence",), f"for {name}, whose arrays have an axis of sequences")
    archive = Archive(name, stream)
    x_name, target = _names(archive, reading)
    x, targets = archive.read(x_name), archive.read(target)
    lengths_name = found(name, list(archive.stored), LENGTHS, "lengths", None, kind="array")
    if x.ndim not in (2, 3) or x.dtype.kind not in "biuf" or 0 in x.shape:
        raise FileError(
            name, f"numbers (T, B, I) or (B, T, I) in {x_name}", f"{x.dtype} {x.shape}",
            "Save one array of all sequences, filled up at their ends to the longest.",
        )  # fmt: skip
    targets = _plain(targets, x)
    lengths = None if lengths_name is None else archive.read(lengths_name)
    axes = told(
        name, (x_name, x.shape), (target, targets.shape),
        None if lengths is None or lengths_name is None else (lengths_name, lengths.shape), reading.batch_first,
    )  # fmt: skip
    x = x[..., None] if x.ndim == 2 else x
    if not axes.batch_first:
        x = x.swapaxes(0, 1)
    if axes.per_step and not axes.batch_first:
        targets = targets.swapaxes(0, 1)
    B, T, I = x.shape
    steps = np.full(B, T) if lengths is None else _steps(name, lengths, T)
    targets, classes = numbered(targets)
    return Own(
        [x[b, :n].astype(np.float64) for b, n in enumerate(steps)],
        [targets[b, :n] for b, n in enumerate(steps)] if axes.per_step else list(targets),
        tuple(str(i) for i in range(I)),
        f"{x_name}, {counted(I, 'number')} a step",
        target,
        tuple(str(b) for b in range(B)),
        classes,
        (f"read as {'batch' if axes.batch_first else 'time'} first, because {axes.because}",)
        if axes.because
        else (),
    )


def _names(archive: Archive, reading: Reading) -> tuple[str, str]:
    """The names of the inputs and the targets.

    Raises:
        FileError: if there are none, or several.
        OptionError: if one that is said is not there.
    """
    present = list(archive.stored)
    if reading.inputs is not None and len(reading.inputs) > 1:
        raise OptionError(
            "inputs", f"the name of one array of {archive.name}", ", ".join(reading.inputs),
            "Save them as one array, with an axis of inputs.",
        )  # fmt: skip
    said = None if reading.inputs is None else reading.inputs[0]
    x = found(archive.name, present, INPUTS, "inputs", said, kind="array")
    target = found(archive.name, present, TARGETS, "target", reading.target, kind="array")
    if x is None or target is None or x == target:
        missing = ["inputs=NAME"] * (x is None) + ["target=NAME"] * (target is None or x == target)
        raise FileError(
            archive.name, "an array of inputs (x, inputs or data) and one of targets (y, targets or labels)",
            archive.listed() or "no array", f"Name what they are called: {' and '.join(missing)}.",
        )  # fmt: skip
    return x, target


def _plain(targets: Array, x: Array) -> Array:
    """Without a last axis of one, as a column has it."""
    column = targets.ndim > 1 and targets.shape[-1] == 1
    return targets[..., 0] if column and targets.shape != x.shape[:2] else targets


def _steps(name: str, lengths: Array, T: int) -> Array:
    """How many steps each sequence has.

    Raises:
        FileError: if they are no whole numbers from 1 to T.
    """
    whole = lengths.dtype.kind in "iu" or (
        lengths.dtype.kind == "f" and (lengths == np.round(lengths)).all()
    )
    if not whole or not 1 <= lengths.min() <= lengths.max() <= T:
        spread = f", {lengths.min()} to {lengths.max()}" if lengths.dtype.kind in "iuf" else ""
        raise FileError(
            name, f"lengths that are whole numbers from 1 to {T}", f"{lengths.dtype}{spread}",
            "Save the steps of each sequence, or leave lengths out.",
        )  # fmt: skip
    return lengths.astype(int)
