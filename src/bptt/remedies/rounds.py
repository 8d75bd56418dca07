"""A race in rounds (successive halving: Karnin, Koren & Somekh 2013; Jamieson & Talwalkar 2016), within a budget.

In each round all that are left train on to the same depth and are measured; the better half goes on. The model as it is
runs along to the end. Every round may cost the same part of the budget: the fewer are left, the deeper they go. What is
counted is time, in updates of the model as it is: an update of a copy costs its price, and measuring and making a copy
cost the updates that take as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bptt.prognoses import updates_ahead
from bptt.prognoses.learner import GROUPS

LEAST = 2  # candidates of every round, where there are so many
# Of a look ahead, the depth of the first round at least, and how many such rounds must be paid for.
SHALLOWEST, ROUNDS = 1 / 12, 3
DEEPEST = 2  # look aheads, the depth of the last
FEW = 3  # groups of held-out sequences that all but the last round are measured on


@dataclass(frozen=True)
class Costs:
    """What a race does beside training, in updates of the model as it is that take as long.

    Attributes:
        per_group: measuring one group of held-out sequences.
        per_copy: making a copy and diagnosing it.
    """

    per_group: int
    per_copy: int


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


@dataclass
class Plan:
    """The rounds of a race, one after the other: how deep each goes depends on the price of those who are left.

    Attributes:
        budget: updates of the training that the race is about.
        time: that the whole race may take, in updates of the model as it is: the budget, or more where that does not pay
            for making and measuring the copies, and a few rounds.
        counts: candidates of every round.
        left: of the time.
        costs: of what is not training.
        depth: that the last round went to.
    """

    budget: int
    time: float
    counts: list[int]
    left: float
    costs: Costs
    depth: int = 0

    @classmethod
    def of(cls, prices: Sequence[float], budget: int, costs: Costs) -> "Plan":
        """Before the first round.

        Args:
            prices: of an update of the model as it is, which is 1, and of every candidate.
            budget: updates of the training.
            costs: of what is not training.
        """
        price = sum(prices)
        # Every copy is measured on one group at first.
        begin = costs.per_copy * len(prices) + costs.per_group * price
        first = price * (SHALLOWEST * updates_ahead(budget) + costs.per_group * FEW)
        time = max(float(budget), begin + ROUNDS * first)
        left = time - begin
        return cls(budget, time, halved(len(prices) - 1, int(left / first)), left, costs)

    def pays_for(self, price: float, prices: Sequence[float]) -> bool:
        """Whether a copy can join before the next round, with the updates of the earlier ones still to make; if so it is paid.

        Args:
            price: of an update of it.
            prices: of those who run in the next round, the model as it is among them.
        """
        per_group = self.costs.per_group
        catching_up = price * (self.depth + per_group * FEW)
        least = (price + sum(prices)) * (SHALLOWEST * updates_ahead(self.budget) + per_group * FEW)
        if self.left < catching_up + least:
            return False
        self.left -= catching_up
        return True

    def next(self, prices: Sequence[float]) -> Round:
        """The next round.

        Args:
            prices: of those who run in it, the model as it is among them.
        """
        count, *self.counts = self.counts
        price, last = sum(prices), not self.counts
        share = self.left / (1 + len(self.counts)) / price  # updates that each may cost
        per_group = self.costs.per_group
        groups = GROUPS if last and share > 2 * per_group * GROUPS else FEW
        deeper = max(1, int(share - per_group * groups))
        deeper = min(deeper, max(1, DEEPEST * updates_ahead(self.budget) - self.depth))
        self.left -= price * (deeper + per_group * groups)
        self.depth += deeper
        return Round(count, self.depth, groups, max(2, groups // 2))


def halved(candidates: int, most: int) -> list[int]:
    """How many candidates run in each of the rounds: all, half of them, and so on; of too many rounds those in the middle fall out.

    Args:
        candidates: in the first round.
        most: rounds.

    >>> halved(13, 9), halved(13, 3), halved(13, 1), halved(1, 9)
    ([13, 7, 4, 2], [13, 4, 2], [13], [1])
    """
    counts = [candidates]
    while counts[-1] > LEAST:
        counts.append(max(LEAST, -(-counts[-1] // 2)))
    return counts[:1] + counts[len(counts) - most + 1 :] if 0 < most < len(counts) else counts
