"""What was read of a file: sequences, what is asked for, and how both were found."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.data.own.words import listed, spread
from bptt.presentation.formatting import counted


@dataclass(frozen=True, eq=False)
class Own:
    """Labelled sequences of a file.

    Attributes:
        sequences: (T_b, I) float64, of each sequence.
        targets: of each sequence one number, or (T_b,); whole numbers are classes.
        columns: I names of the inputs.
        inputs: the same in words.
        target: name of what is asked for.
        keys: what the file calls each sequence.
        classes: names of the classes 0, 1, ...; None where the file numbers them, or there are none.
        chosen: what was found out about the file and not said by the user, in phrases.
    """

    sequences: list[Array]
    targets: list[Array]
    columns: tuple[str, ...]
    inputs: str
    target: str
    keys: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    chosen: tuple[str, ...] = ()

    def description(self, outputs: int, classes: bool, per_step: bool) -> str:
        """What was read.

        Args:
            outputs: how many classes.
            classes: whether the targets are classes.
            per_step: whether there is one at every step.
        """
        names = "" if self.classes is None else f" ({listed(self.classes)})"
        what = f"{counted(outputs, 'class', 'classes')}{names}" if classes else "a number"
        if classes and self.classes is None:
            what += _never(set(range(outputs)) - set(np.hstack(self.targets).tolist()))
        parts = [
            f"{counted(len(self.sequences), 'sequence')} of {spread(self.sequences)}",
            f"inputs: {self.inputs}",
            f"target: {self.target}, {what}, {'at every step' if per_step else 'at the end'}",
        ]
        return "; ".join(parts)


def _never(missing: set[int]) -> str:
    """Numbers of classes that no sequence has, in words."""
    if not missing:
        return ""
    return f", of which {listed([str(n) for n in sorted(missing)])} never occur{'s' * (len(missing) == 1)}"
