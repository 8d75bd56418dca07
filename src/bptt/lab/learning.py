"""A network that learns on the page, before a change and after it: its loss, and its gradient by lag meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from math import log

import numpy as np

from bptt.arrays import Array
from bptt.configuration import Configuration
from bptt.gradients.by_lag import by_lag
from bptt.prognoses import NetworkLearner

BEFORE, AFTER = "without the change", "with the change"
UPDATES, EACH = 600, 20
LR = 5e-3
LENGTHS = (10, 50, 10)
USUAL = 40
# the loss of the best constant: the variance of a sum of two numbers drawn from 0 to 1
CONSTANT = 1 / 6
PLAIN = Configuration(hidden=32, data="adding", gain=0.8)
OPEN = "lstm, open for the length"


def changes(length: int) -> dict[str, Configuration]:
    """What can be changed, by name.

    Args:
        length: of the sequences, which a gate must be open for.
    """
    base, gate = replace(PLAIN, length=length), round(log(max(2, length - 1)), 1)
    return {
        OPEN: replace(base, cell="lstm", gain=1.0, bias=gate),
        "gru, open for the length": replace(base, cell="gru", gain=1.0, bias=gate),
        "lstm as it is drawn": replace(base, cell="lstm", gain=1.0),
        "identity with relu": replace(base, init="identity", activation="relu", gain=1.0),
        "gain 1.2": replace(base, gain=1.2),
        "nothing": base,
    }


@dataclass(frozen=True, eq=False)
class Learnt:
    """How far both are.

    Attributes:
        updates: made so far by each.
        losses: by name, the mean loss of every twenty updates.
        profiles: by name, (K,) log10 of ‖G_k‖ over its size at lag 0.
        needed_lag: of the task.
    """

    updates: int
    losses: dict[str, list[float]]
    profiles: dict[str, Array]
    needed_lag: int

    @property
    def sentence(self) -> str:
        """What came of it so far."""
        if not self.losses[BEFORE]:
            return f"Not trained yet. A network that always says the same reaches {CONSTANT:.3f}."
        before, after = (self.losses[name][-1] for name in (BEFORE, AFTER))
        return (
            f"After {self.updates} updates the loss is {before:.3f} without the change and {after:.3f} with it. A network that "
            f"always says the same reaches {CONSTANT:.3f}."
        )


def rounds(length: int, change: str, updates: int = UPDATES) -> Iterator[Learnt]:
    """Train both, twenty updates at a time; gives where they stand before the first and after each of these.

    Args:
        length: of the sequences of the adding task.
        change: one of ``changes``.
        updates: of each network.
    """
    settings = {BEFORE: replace(PLAIN, length=length), AFTER: changes(length)[change]}
    built = {name: setting.build() for name, setting in settings.items()}
    learners = {
        name: NetworkLearner(each.network, each.data, length=length, lr=LR)
        for name, each in built.items()
    }
    losses: dict[str, list[float]] = {name: [] for name in learners}
    needed = built[BEFORE].needed_lag
    assert needed is not None  # the task says it
    for done in range(0, updates + 1, EACH):
        profiles = {}
        for name, learner in learners.items():
            if done:
                seen: list[float] = []
                learner.advance(EACH, seen.append)
                losses[name].append(float(np.mean(seen)))
            run = learner.network.run(**built[name].batch)
            (profile,) = by_lag(run.stack_trace, run.dh)
            log10 = profile.log10_norm
            profiles[name] = log10 - log10[0]
        yield Learnt(done, losses, profiles, needed)


@cache
def untrained() -> Learnt:
    """Where both stand before the first update, at what the page begins with."""
    return next(rounds(USUAL, OPEN, 0))
