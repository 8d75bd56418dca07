"""A race in rounds (successive halving: Karnin, Koren & Somekh 2013; Jamieson & Talwalkar 2016), planned beforehand.

In each round all that are left train up to a depth; the better half goes on, and the depth doubles. The model as it is
runs along to the end. The first depth is a quarter of a look ahead. There are as many rounds as the budget pays for:
every update of every candidate counts, and so does measuring, at the price of the updates that take as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bptt.prognoses import updates_ahead
from bptt.prognoses.learner import GROUPS

FIRST = 1 / 4  # of a look ahead, the depth of the first round
LEAST = 2  # candidates of every round, where there are so many
PER_GROUP = 2  # updates that take as long as measuring one group of held-out sequences


@dataclass(frozen=True)
class Round:
    """A round of a race.

    Attributes:
        candidates: that run in it, without the model as it is.
        depth: updates that each has made at its end.
        groups: of held-out sequences that each is measured on then.
        form_groups: of them, those whose tangent features are tried.
    """

    candidates: int
    depth: int
    groups: int
    form_groups: int


def planned(candidates: int, budget: int) -> tuple[Round, ...]:
    """The rounds.

    Args:
        candidates: how many there are beside the model as it is.
        budget: updates that the whole race may cost.

    >>> [(each.candidates, each.depth) for each in planned(8, 2000)]
    [(8, 50), (4, 100), (2, 200), (2, 400)]
    """
    ahead = updates_ahead(budget)
    depth = max(1, round(FIRST * ahead))
    if (
        candidates + 1
    ) * depth > budget // 2:  # so many that the second round would not be paid for
        depth = max(1, budget // (2 * (candidates + 1)))
    rounds: list[Round] = []
    left, before = budget - (candidates + 1) * PER_GROUP, 0  # before the first update one group
    while True:
        groups = GROUPS if depth >= ahead else 3
        cost = (candidates + 1) * (depth - before + PER_GROUP * groups)
        if rounds and cost > left:
            return tuple(rounds)
        rounds.append(Round(candidates, depth, groups, max(2, groups // 2)))
        left -= cost
        before, depth = depth, 2 * depth
        candidates = max(min(LEAST, candidates), -(-candidates // 2))


def updates_of(rounds: Sequence[Round]) -> int:
    """Updates of all candidates and the model as it is, in all rounds."""
    depths = [0, *(each.depth for each in rounds)]
    return sum((each.candidates + 1) * (each.depth - before) for each, before in zip(rounds, depths, strict=False))  # fmt: skip
