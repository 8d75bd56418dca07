"""A task's length from update to update: growing, or drawn anew for every update.

The length is a function of the update's number (and the seed) alone, so a resumed run reads what it would
have read.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import as_whole


@dataclass(frozen=True)
class Growing:
    """From short to long, evenly (Bengio et al. 2009, curriculum learning).

    Attributes:
        first: length at the first update.
        last: length from update ``updates`` on.
        updates: how many it takes to grow.

    Raises:
        OptionError: if a number is not whole, is below 1, or ``last`` is below ``first``.

    >>> [Growing(10, 50, updates=4).length(n) for n in range(6)]
    [10, 20, 30, 40, 50, 50]
    """

    first: int
    last: int
    updates: int

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        _as_lengths(self, "first", "last")
        object.__setattr__(self, "updates", as_whole("Growing.updates", self.updates, least=1))

    @property
    def lengths(self) -> tuple[int, int]:
        """The shortest and the longest."""
        return self.first, self.last

    def length(self, n: int, seed: int = 0) -> int:
        """At update n, from 0."""
        return self.first + (self.last - self.first) * min(n, self.updates) // self.updates


@dataclass(frozen=True)
class Drawn:
    """Drawn uniformly, both ends included (Pascanu 2013, section 4.1: 50 to 200).

    Attributes:
        shortest: the least.
        longest: the most.

    Raises:
        OptionError: if a number is not whole, ``shortest`` is below 1, or ``longest`` below it.

    >>> lengths = [Drawn(50, 200).length(n) for n in range(1000)]
    >>> min(lengths), max(lengths), lengths[7] == Drawn(50, 200).length(7)
    (50, 200, True)
    """

    shortest: int
    longest: int

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        _as_lengths(self, "shortest", "longest")

    @property
    def lengths(self) -> tuple[int, int]:
        """The shortest and the longest."""
        return self.shortest, self.longest

    def length(self, n: int, seed: int = 0) -> int:
        """At update n, from 0."""
        # A third number: the sequences of update n are drawn from [seed, n].
        rng = np.random.default_rng([seed, n, 1])
        return int(rng.integers(self.shortest, self.longest, endpoint=True))


Curriculum = Growing | Drawn


def _as_lengths(curriculum: Curriculum, short: str, long: str) -> None:
    """Make two attributes whole numbers, the second at least as large as the first."""
    least = 1
    for name in (short, long):
        whole = as_whole(
            f"{type(curriculum).__name__}.{name}", getattr(curriculum, name), least,
            cure="Pass two lengths from 1, the shorter one first.",
        )  # fmt: skip
        object.__setattr__(curriculum, name, whole)
        least = whole
