r"""How far a network comes, from what a look ahead measured: an ordinal logistic regression on stored trainings.

    P(loss <= q · loss without the past) = 1 / (1 + exp(-(b_q + Σ_j w_j (x_j - m_j) / s_j)))        McCullagh 1980

for the marks q: how much of the loss is left. The weights are the same for all marks, so a lower one is never likelier.
The numbers x_j are of one network alone (``evidence``). m, s, w and b were fitted on the trainings of ``experiments``,
none of which is of the held-out kinds of work that the probability is checked on. ``calibration.json`` holds them, and
``python -m experiments.calibration`` writes it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from bptt.prognoses.measured import Measured

MARKS = (0.9, 0.8, 0.65, 0.5)  # parts of the loss without the past
# Where a number says no more: what lies outside is taken as the limit.
LIMITS = {
    "loss": (-3.0, 0.2), "fall": (-2.0, 1.0), "reach": (-8.0, 2.0), "agreement": (-2.0, 0.0), "form": (0.0, 1.0),
    "gap": (-0.5, 1.5), "passes": (0.0, 6.0),
}  # fmt: skip
SIGNAL = (-32.0, 2.0)  # log10 between which a signal's growth is followed


@dataclass(frozen=True)
class Calibration:
    """The fit.

    Attributes:
        mean: m, by name.
        deviation: s.
        weight: w.
        bias: b, by mark.
        usual: the median of each number of the networks that learnt, and had not yet when the look ahead ended.
        least: nine in ten of them had a larger "log10_attenuation", "coherence" and "form".
        when: weights of a linear regression of ln(update at which it was learnt / budget) on the same standardised numbers,
            by name, and its constant as "".
    """

    mean: dict[str, float]
    deviation: dict[str, float]
    weight: dict[str, float]
    bias: dict[float, float]
    usual: dict[str, float]
    least: dict[str, float]
    when: dict[str, float]

    def parts(self, evidence: dict[str, float]) -> dict[str, float]:
        """What every number adds to the score, by name; one that could not be measured adds nothing."""
        z = self.standardised(evidence)
        return {name: self.weight[name] * z[name] for name in z}

    def standardised(self, evidence: dict[str, float]) -> dict[str, float]:
        """(x - m) / s by name, of those that could be measured."""
        return {
            name: (evidence[name] - self.mean[name]) / self.deviation[name]
            for name in self.weight
            if name in evidence
        }

    def learnt_at(self, evidence: dict[str, float]) -> float:
        """The part of the budget after which it is expected to have learnt, if it does."""
        z = self.standardised(evidence)
        return float(np.exp(self.when[""] + sum(self.when[name] * z[name] for name in z)))

    def score(self, evidence: dict[str, float]) -> float:
        """Σ_j w_j (x_j - m_j) / s_j: the higher, the further it comes."""
        return sum(self.parts(evidence).values())

    def chances(self, score: float) -> dict[float, float]:
        """The probability of every mark."""
        return {mark: float(1 / (1 + np.exp(-(bias + score)))) for mark, bias in self.bias.items()}


def evidence(
    measured: Sequence[Measured], budget: int, trained: float | None, epoch: float | None
) -> dict[str, float]:
    """The numbers that the probability rests on, by name.

        loss       ln of the held-out loss over what is reached without the past
        fall       log10 of how much that will still fall by the end of the budget if it goes on as between the last two
                   measurements
        reach      log10 of the signal at the needed lag, as it will be at the end of the budget if it goes on growing as
                   it has: training changes how far a gradient reaches
        agreement  log10 of the coherence
        form       R²
        gap        ln of the held-out loss over that on the batches which were trained on, both between the last two
                   measurements: what is learnt and does not carry over; 0 where every update draws its data anew
        passes     ln(1 + n), n how often the whole training goes through its data: 0 where they are drawn anew

    Args:
        measured: of a look ahead, in order.
        budget: updates of the whole training.
        trained: mean loss on the batches between the last two measurements; None if there were none.
        epoch: updates in which all of the data are gone through once; None where nobody knows.
    """
    last = measured[-1]
    first, now = (float(np.clip(m.log10_attenuation, *SIGNAL)) for m in (measured[0], last))
    growth = (now - first) / last.update if last.update else 0.0  # per update
    left = max(0, budget - last.update)
    known = {"loss": _above_blind(last), "reach": now + growth * left}
    if len(measured) > 1:
        before = measured[-2]
        pace = (_above_blind(before) - _above_blind(last)) / (last.update - before.update)
        known["fall"] = float(np.log10(max(pace * left, 1e-300)))
        if trained is not None:
            held_out = (before.loss + last.loss) / 2
            gap = float(np.log(max(held_out, 1e-300) / max(trained, 1e-300)))
            known["gap"] = 0.0 if epoch == np.inf else gap  # of data drawn anew it would be noise
    if epoch is not None:
        known["passes"] = float(np.log1p(budget / epoch))
    if last.agreement_mid is not None:
        known["agreement"] = float(np.log10(max(last.agreement_mid.coherence, 1e-300)))
    if last.form is not None:
        known["form"] = last.form
    return {name: float(np.clip(x, *LIMITS[name])) for name, x in known.items()}


def _above_blind(measured: Measured) -> float:
    """ln of the loss over that without the past."""
    return float(np.log(max(measured.loss, 1e-300) / max(measured.blind, 1e-300)))


@cache
def calibration() -> Calibration:
    """The stored fit."""
    stored: dict[str, Any] = json.loads(
        files("bptt.prognoses").joinpath("calibration.json").read_text()
    )
    bias = {float(mark): b for mark, b in stored["bias"].items()}
    return Calibration(**stored | {"bias": bias})
