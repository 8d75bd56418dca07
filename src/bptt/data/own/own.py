"""What was read of a file: sequences, and what is asked for."""

from dataclasses import dataclass

from bptt.arrays import Array


@dataclass(frozen=True, eq=False)
class Own:
    """Labelled sequences of a file.

    Attributes:
        sequences: (T_b, I) float64, of each sequence.
        targets: of each sequence one number, or (T_b,); whole numbers are classes.
    """

    sequences: list[Array]
    targets: list[Array]
