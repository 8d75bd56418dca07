r"""Schedules: what the learning rate is multiplied by at update n, counted from 0. PyTorch's conventions.

    Constant      1
    StepDecay     γ^⌊n/k⌋                                             torch StepLR
    Exponential   γⁿ                                                  torch ExponentialLR
    Cosine        f + (1-f) (1 + cos(π n/N))/2, f from N on           torch CosineAnnealingLR up to N
                                                                      (Loshchilov & Hutter 2017, eq. 5)
    WarmUp        (n+1)/k for n < k, then another schedule, from its start

A schedule is a function of n alone, so a resumed run goes on where it was.
"""

import math
from dataclasses import dataclass, field

from bptt.arrays import as_number, as_whole


@dataclass(frozen=True)
class Constant:
    """The learning rate as it is."""

    def factor(self, n: int) -> float:
        """At update n, from 0."""
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """Multiplied once every so many updates.

    Attributes:
        every: k, updates.
        by: γ.

    Raises:
        OptionError: if a number is out of range.

    >>> [StepDecay(every=2, by=0.5).factor(n) for n in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int
    by: float = 0.1

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        object.__setattr__(self, "every", as_whole("StepDecay.every", self.every, least=1))
        _factor("StepDecay.by", self.by)

    def factor(self, n: int) -> float:
        """At update n, from 0."""
        return float(self.by ** (n // self.every))


@dataclass(frozen=True)
class Exponential:
    """Multiplied at every update.

    Attributes:
        by: γ.

    Raises:
        OptionError: if it is not in (0, 1].
    """

    by: float

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        _factor("Exponential.by", self.by)

    def factor(self, n: int) -> float:
        """At update n, from 0."""
        return float(self.by**n)


@dataclass(frozen=True)
class Cosine:
    """Down along half a cosine, and held there.

    Attributes:
        updates: N.
        last: f, the factor at the end.

    Raises:
        OptionError: if a number is out of range.

    >>> [round(Cosine(updates=4).factor(n), 3) for n in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    updates: int
    last: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        object.__setattr__(self, "updates", as_whole("Cosine.updates", self.updates, least=1))
        as_number("Cosine.last", self.last, "[0, 1]", "Pass 0.05, for example.")

    def factor(self, n: int) -> float:
        """At update n, from 0."""
        part = min(n, self.updates) / self.updates
        return self.last + (1 - self.last) * (1 + math.cos(math.pi * part)) / 2


@dataclass(frozen=True)
class WarmUp:
    """Up from nearly nothing in a line, then another schedule.

    Attributes:
        updates: k.
        then: the other, counted from the end of the warm-up.

    Raises:
        OptionError: if ``updates`` is below 1.

    >>> [WarmUp(4, then=StepDecay(every=2, by=0.5)).factor(n) for n in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5]
    """

    updates: int
    then: "Schedule" = field(default_factory=Constant)

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        object.__setattr__(self, "updates", as_whole("WarmUp.updates", self.updates, least=1))

    def factor(self, n: int) -> float:
        """At update n, from 0."""
        return (n + 1) / self.updates if n < self.updates else self.then.factor(n - self.updates)


Schedule = Constant | StepDecay | Exponential | Cosine | WarmUp


def _factor(name: str, value: float) -> None:
    as_number(name, value, "(0, 1]", "Pass 0.5, for example.")
