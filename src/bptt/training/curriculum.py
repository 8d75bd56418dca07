"""A task's length from update to update: growing, or drawn anew for every update.

The length is a function of the update's number (and the seed) alone, so a resumed run reads what it would
have read.
"""

from dataclasses import dataclass

import numpy as np

from bptt.errors import OptionError


@dataclass(frozen=True)
class Growing:
    """From short to long, evenly (Bengio et al. 2009, curriculum learning).

    Attributes:
        first: length at the first update.
        last: length from update ``updates`` on.
        updates: how many it takes to grow.

    Raises:
        OptionError: if a number is below 1, or ``last`` below ``first``.

    >>> [Growing(10, 50, updates=4).length(n) for n in range(6)]
    [10, 20, 30, 40, 50, 50]
    """

    first: int
    last: int
    updates: int

    def __post_init__(self) -> None:
        """Refuse settings that make no sense."""
        _ordered("Growing(first, last)", self.first, self.last)
        if self.updates < 1:
            raise OptionError(
                "Growing.updates", "a number from 1", str(self.updates), "Give at least 1."
            )

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
        OptionError: if ``shortest`` is below 1, or ``longest`` below it.

    >>> lengths = [Drawn(50, 200).length(n) for n in range(1000)]
    >>> min(lengths), max(lengths), lengths[7] == Drawn(50, 200).length(7)
    (50, 200, True)
    """

    shortest: int
    longest: int

    def __post_init__(self) -> None:
        """Refuse settings that make no sense."""
        _ordered("Drawn(shortest, longest)", self.shortest, self.longest)

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


def _ordered(name: str, low: int, high: int) -> None:
    if not 1 <= low <= high:
        raise OptionError(
            name, "two lengths from 1, in order", f"{low} and {high}", "The shorter one first."
        )
