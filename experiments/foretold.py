"""What was foretold against what came: ranks, calls and probabilities of stored networks."""

from dataclasses import dataclass

import numpy as np

from bptt.prognoses.calibration import evidence
from experiments.ahead import POINTS, measured_of
from experiments.outcomes import LEARNT

TIED = 0.95  # of the best constant's loss: networks that end above it have learnt nothing
BINS = 10


@dataclass(frozen=True)
class Foretold:
    """A network, and what a look ahead says of it.

    Attributes:
        run: as it is stored.
        evidence: the numbers that the probability rests on; empty where the training broke off.
        learnt_already: whether the held-out loss was at most half of the loss without the past when it ended; then the
            loss over that.
    """

    run: dict
    evidence: dict
    learnt_already: float | None

    @property
    def solved(self):
        """Whether the full training learnt."""
        return self.run["solved"]

    @property
    def family(self):
        """The kind of work, whatever its length."""
        return self.run["work"].split()[0]

    def score(self, calibration):
        """ln(p / (1 - p)) by a fit; a network that has learnt already stands above the others, by its loss."""
        if not self.evidence:
            return -np.inf
        if self.learnt_already is not None:
            return 100 - self.learnt_already
        return calibration.score(self.evidence)

    def probability(self, calibration):
        """That it learns; of what has learnt already it is 1, and where the training broke off 0."""
        return float(1 / (1 + np.exp(-self.score(calibration))))


def foretold(run, part=0.1):
    """Of a stored network, from a look ahead of a part of its budget."""
    if run["broke_off"] or len(run["ahead"]) < len(POINTS):
        return Foretold(run, {}, None)
    end = POINTS.index(part)
    seen = [measured_of(run["ahead"][i]) for i in (0, end - 1, end)]
    left = seen[-1].loss / seen[-1].blind
    epoch = np.inf if run["epoch"] is None else run["epoch"]
    return Foretold(
        run,
        evidence(seen, run["updates"], run["trained"][end - 1], epoch),
        left if left <= LEARNT else None,
    )


def learnt(run, at="at", loss="loss"):
    """What orders outcomes, the best first: those that learnt by when, the others by loss, at the end all that learnt nothing."""
    if run[at] is not None:
        return (0, run[at] / run["updates"])
    left = np.inf if run[loss] is None else run[loss] / run["constant"]
    return (2, 0.0) if left > TIED else (1, left)


def places(keys):
    """The place of each of some outcomes, the best the highest; equals share one."""
    order = sorted(set(keys))
    return np.array([-order.index(key) for key in keys])


def balanced_accuracy(solved, called):
    """The mean of how many of those that learnt were called so, and of the others."""
    solved, called = np.asarray(solved, bool), np.asarray(called, bool)
    kinds = [kind for kind in (solved, ~solved) if kind.any()]
    return float(np.mean([(called == solved)[kind].mean() for kind in kinds]))


def reliability(probabilities, solved, bins=BINS):
    """(mean probability, part that learnt, networks) per bin of equal width that holds any."""
    p, solved = np.asarray(probabilities), np.asarray(solved, float)
    place = np.minimum((p * bins).astype(int), bins - 1)
    return [
        (float(p[place == i].mean()), float(solved[place == i].mean()), int((place == i).sum()))
        for i in range(bins)
        if (place == i).any()
    ]


def calibration_error(probabilities, solved, bins=BINS):
    """The mean distance of probability and part that learnt over the bins, by their networks (Naeini 2015)."""
    rows = reliability(probabilities, solved, bins)
    return sum(n * abs(p - part) for p, part, n in rows) / sum(n for *_, n in rows)
