"""Labelled sequences: sets that ship inside a package, and a user's own files.

    vowels   JapaneseVowels: 12 numbers a step, 7 to 26 steps in the training part, 9 speakers; the class at
             the end (Kudo, Toyama & Shimbo 1999)
    acsf1    ACSF1: power drawn by a household appliance, 1,460 steps of 1 number, 10 classes; at the end
    a file   of arrays or a table: ``bptt.data.own``

Inputs are standardised by the training part's mean and deviation, unless they are wanted as stored. Targets that are integers (in a
table: all whole numbers) or words are classes, others numbers; one per sequence is asked for at its end, one per step at every step.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from bptt.arrays import Array
from bptt.data import own
from bptt.data.own.words import listed
from bptt.errors import FileError, OptionError
from bptt.extras import needing
from bptt.presentation.formatting import counted

PACKAGED = {"vowels": "japanese_vowels", "acsf1": "acsf1"}
HELD_OUT = 0.2  # of a user's own sequences


@dataclass(frozen=True, eq=False)
class Batch:
    """Some sequences, padded: the arguments of ``network.run``.

    Attributes:
        x: (T, B, I) numbers, zero behind a sequence's end.
        targets: (B,), (T, B), or (n, B) at n listed steps, of classes; one more axis of numbers.
        lengths: (B,).
        per_step: whether there is a target per step.
    """

    x: Array
    targets: Array
    lengths: Array
    per_step: bool = False

    def arguments(self, dtype: npt.DTypeLike = np.float32) -> dict[str, Any]:
        """By name, numbers in the type of the network's weights."""
        targets = self.targets.astype(dtype) if self.targets.dtype.kind == "f" else self.targets
        return {"x": self.x.astype(dtype), "targets": targets, "lengths": self.lengths}

    def part(self, chosen: Array | slice) -> "Batch":
        """Some of the sequences, no longer padded than they need."""
        lengths = self.lengths[chosen]
        T = int(lengths.max())
        classes = self.targets.dtype.kind in "iu"  # numbers have one more axis
        targets = self.targets[..., chosen] if classes else self.targets[..., chosen, :]
        targets = targets[:T] if self.per_step else targets
        return Batch(self.x[:T, chosen], targets, lengths, self.per_step)


@dataclass(frozen=True, eq=False)
class Series:
    """Labelled sequences, in a part to train on and a part held out.

    Attributes:
        name: where they came from.
        train: the training part.
        held_out: the rest.
        outputs: classes, or numbers per target.
        loss: "cross_entropy" or "mse".
        loss_at: "last" or "every".
        apart: False where there are too few sequences to hold any out, and both parts are the same.
        description: of a file, what was read of it, in one line.
        assumed: of a file, what was found out about it and nobody said, in sentences.
        classes: names of the classes 0, 1, ... where a file has words for them.
    """

    name: str
    train: Batch
    held_out: Batch
    outputs: int
    loss: Literal["cross_entropy", "mse"]
    loss_at: Literal["last", "every"]
    apart: bool = True
    description: str = ""
    assumed: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None

    @property
    def inputs(self) -> int:
        """I."""
        return int(self.train.x.shape[2])

    @property
    def facts(self) -> list[tuple[str, str]]:
        """(name, value) pairs for the head of a report."""
        read = [("read as", self.description)] if self.description else []
        return [("Data", self.name), *read]

    @property
    def fingerprint(self) -> str:
        """A name for these very sequences, so that a run is not resumed on others."""
        digest = hashlib.sha256(self.train.x.tobytes() + self.train.targets.tobytes())
        return f"{self.name} {digest.hexdigest()[:16]}"

    @classmethod
    def load(
        cls,
        source: str,
        as_stored: bool = False,
        *,
        inputs: str | Sequence[str] | None = None,
        target: str | None = None,
        sequence: str | None = None,
        batch_first: bool | None = None,
    ) -> "Series":
        """Sequences by name ("vowels", "acsf1") or from a file (``bptt.data.own.ENDINGS``).

        Args:
            source: the name or the path.
            as_stored: of a file: all sequences in both parts, the numbers as they stand there. A network that
                was trained elsewhere reads them so.
            inputs: of a file, names of the columns that are read; of a .npz file the array.
            target: of a file, name of the column or array of what is asked for.
            sequence: of a table, name of the column that tells its sequences apart.
            batch_first: of a .npz file, whether its arrays are (B, T, I) or (T, B, I); told from their shapes
                if None.

        Raises:
            FileError: if the file is missing or not what it says.
            OptionError: if the name is none of these, the package that ships the set or reads the file is
                missing, or something must be said that is not, or is said and does not fit.
        """
        reading = own.Reading.of(inputs, target, sequence, batch_first)
        if source in PACKAGED:
            reading.refuse(reading.said, f"for {source}, which is no file")
            return _packaged(source)
        if own.ending_of(source) in own.ENDINGS:
            return _of_own(Path(source).name, own.read(source, reading), as_stored)
        raise OptionError(
            "data", f"text, vowels, acsf1, or the path of a file ({', '.join(own.ENDINGS)}, or a text)",
            repr(source), "Pass one of them.",
        )  # fmt: skip

    @classmethod
    def read(
        cls, name: str, stream: BinaryIO, reading: own.Reading, as_stored: bool = False
    ) -> "Series":
        """Sequences of an open file.

        Args:
            name: of the file, with its ending.
            stream: its content.
            reading: what the user says about it.
            as_stored: as for ``load``.

        Raises:
            FileError, OptionError: as for ``load``.
        """
        return _of_own(name, own.read_stream(name, stream, reading), as_stored)


def padded(sequences: Sequence[Array], dtype: npt.DTypeLike = np.float32) -> tuple[Array, Array]:
    """(T, B, I) and (B,) lengths of sequences (T_b, I)."""
    lengths = np.array([len(sequence) for sequence in sequences])
    x = np.zeros((lengths.max(), len(sequences), sequences[0].shape[1]), dtype)
    for b, sequence in enumerate(sequences):
        x[: len(sequence), b] = sequence
    return x, lengths


def _packaged(name: str) -> Series:
    with needing("data", "data"):
        from sktime import datasets
    load = getattr(datasets, f"load_{PACKAGED[name]}")
    parts, labels = [], []
    for split in ("train", "test"):
        frame, y = load(split=split, return_X_y=True)
        parts.append(
            [
                np.stack([np.asarray(cell, np.float64) for cell in row], axis=1)
                for row in frame.itertuples(index=False)
            ]
        )
        labels.append(np.asarray(y).astype(int))
    first = min(int(y.min()) for y in labels)
    labels = [y - first for y in labels]
    outputs = 1 + max(int(y.max()) for y in labels)
    train, held_out = (
        Batch(x, targets, lengths)
        for (x, lengths), targets in zip(map(padded, _standardised(*parts)), labels, strict=True)
    )
    return Series(name, train, held_out, outputs, "cross_entropy", "last")


def _standardised(train: list[Array], held: list[Array]) -> tuple[list[Array], list[Array]]:
    steps = np.concatenate(train)
    mean, deviation = steps.mean(0), steps.std(0)
    deviation = np.where(deviation > 1e-9 * np.abs(mean), deviation, 1)  # a constant stays one
    return [(s - mean) / deviation for s in train], [(s - mean) / deviation for s in held]


def _of_own(name: str, read: own.Own, as_stored: bool) -> Series:
    """A user's own: the last fifth held out; all of them where there are fewer than five, or as stored."""
    sequences, targets = read.sequences, read.targets
    cut = len(sequences) - (0 if as_stored else int(len(sequences) * HELD_OUT))
    parts = sequences[:cut], sequences[cut:] or sequences
    wanted = targets[:cut], targets[cut:] or targets
    dtype = np.float64 if as_stored else np.float32
    per_step = targets[0].ndim > 0 and all(
        t.ndim > 0 and len(t) == len(s) for t, s in zip(targets, sequences, strict=True)
    )
    every = np.concatenate([np.atleast_1d(t).ravel() for t in targets])
    classes = every.dtype.kind in "iu"
    if classes and every.min() < 0:
        raise FileError(
            name, "classes from 0", f"class {every.min()}", "Number them 0, 1, 2 and so on."
        )
    batches = []
    for part, y in zip(parts if as_stored else _standardised(*parts), wanted, strict=True):
        x, lengths = padded(part, dtype)
        columns = np.stack([_column(t, len(x), per_step) for t in y], axis=int(per_step))
        if not classes:
            columns = columns.astype(dtype)[..., None]
        batches.append(Batch(x, columns, lengths, per_step))
    outputs = int(every.max()) + 1 if classes else 1
    loss: Literal["cross_entropy", "mse"] = "cross_entropy" if classes else "mse"
    apart = cut < len(sequences)
    at: Literal["every", "last"] = "every" if per_step else "last"
    chosen = read.chosen + (_one_sided(wanted, read.classes) if apart and classes else ())
    description = "; ".join((read.description(outputs, classes, per_step), *chosen))
    assumed = tuple(f"{name}: {phrase}." for phrase in chosen)
    return Series(
        name, batches[0], batches[1], outputs, loss, at, apart, description, assumed, read.classes
    )


def _one_sided(
    parts: tuple[list[Array], list[Array]], names: tuple[str, ...] | None
) -> tuple[str, ...]:
    """A phrase, where the sequences are sorted by their classes: what is held out says nothing then."""
    train, held = ({int(c) for target in part for c in np.unique(target)} for part in parts)
    if held <= train and (len(held) > 1 or len(train) == 1):
        return ()
    said = listed([str(c) if names is None else names[c] for c in sorted(held)])
    return (
        f"the last {counted(len(parts[1]), 'sequence')}, which are held out, are all of {said}: shuffle the sequences of the file",
    )


def _column(target: Array, T: int, per_step: bool) -> Array:
    if not per_step:
        return target
    column = np.zeros(T, target.dtype)
    column[: len(target)] = target
    return column
