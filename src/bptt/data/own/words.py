"""Names and lengths of a file in words."""

from collections.abc import Sequence

from bptt.arrays import Array
from bptt.presentation.formatting import counted

SHOWN = 8  # of a long list


def listed(names: Sequence[str]) -> str:
    """Names in a row; of many the first, and how many more.

    >>> listed(["a", "b"])
    'a, b'
    >>> listed([str(n) for n in range(20)])
    '0, 1, 2, 3, 4, 5, 6, 7 and 12 more'
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def spread(sequences: Sequence[Array]) -> str:
    """How long sequences are: "60 steps", "5 to 7 steps"."""
    lengths = [len(sequence) for sequence in sequences]
    least, most = min(lengths), max(lengths)
    return counted(most, "step") if least == most else f"{least} to {counted(most, 'step')}"
