"""What was foretold against what came: ranks, calls and probabilities of stored networks."""

from dataclasses import dataclass

import numpy as np

from bptt.prognoses import LEARNT
from bptt.prognoses.calibration import MARKS, evidence
from experiments.ahead import POINTS, measured_of

TIED = 0.95  # of the best constant's loss: networks that end above it have learnt nothing
BINS = 10


@dataclass(frozen=True)
class Foretold:
    """A network, and what a look ahead says of it.

    Attributes:
        run: as it is stored.
        evidence: the numbers that the probability rests on; empty where the training broke off.
        left: the held-out loss over that without the past when it ended; NaN where the training broke off.
    """

    run: dict
    evidence: dict
    left: float

    @property
    def solved(self):
        """Whether the full training learnt."""
        return self.came(LEARNT)

    def came(self, mark):
        """Whether the full training brought the loss down to a part of the best constant's."""
        return lowest(self.run) <= mark

    @property
    def family(self):
        """The kind of work, whatever its length."""
        return self.run["work"].split()[0]

    def score(self, calibration):
        """How far it comes by a fit; a network that is down to half already stands above the others, by its loss."""
        if not self.evidence:
            return -np.inf
        if self.left <= MARKS[-1]:
            return 100 - self.left
        return calibration.score(self.evidence)

    def chance(self, calibration, mark=LEARNT):
        """That it comes down to a mark; where it has already it is 1, and where the training broke off 0."""
        if not self.evidence:
            return 0.0
        return 1.0 if self.left <= mark else calibration.chances(self.score(calibration))[mark]


def foretold(run, part=0.1):
    """Of a stored network, from a look ahead of a part of its budget."""
    if run["broke_off"] or len(run["ahead"]) < len(POINTS):
        return Foretold(run, {}, np.nan)
    end = POINTS.index(part)
    seen = [measured_of(run["ahead"][i]) for i in (0, end - 1, end)]
    epoch = np.inf if run["epoch"] is None else run["epoch"]
    return Foretold(
        run,
        evidence(seen, run["updates"], run["trained"][end - 1], epoch),
        seen[-1].loss / seen[-1].blind,
    )


def lowest(run):
    """How much of the best constant's loss is left at the end; where a training stopped at half of it, that half."""
    if run["loss"] is None:
        return np.inf
    return MARKS[-1] if run["solved"] else run["loss"] / run["constant"]


def reads_text(run):
    """Whether a network reads text, where learning has no mark."""
    return run["work"].split()[0] == "text"


def reached(run, mark):
    """The part of the budget after which the loss was down to a mark; None if it never was."""
    for update, loss, _ in run.get("curve", ()):
        if loss <= mark * run["constant"]:
            return update / run["updates"]
    if lowest(run) > mark:
        return None
    return 1.0 if run["at"] is None else run["at"] / run["updates"]


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
