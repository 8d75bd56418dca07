"""What a measurement leaves out of a batch so that its bounds hold."""

import numpy as np

from bptt.presentation.formatting import counted


def power_below(number: float) -> int:
    """The largest power of two up to a number, 1 at least: what is left out does not hang on the last byte or millisecond."""
    return 1 << max(0, int(np.log2(max(1.0, number))))


def drawn_in_words(n: int, of: int, seed: int) -> str:
    """That some sequences alone are taken apart.

    Args:
        n: how many.
        of: how many there are.
        seed: by which they were drawn.
    """
    verb = "is" if n == 1 else "are"
    return f"{n} of {counted(of, 'sequence')}, drawn with seed {seed}, {verb} taken apart by lag."
