r"""How likely a network learns, from what a look ahead measured: a logistic regression on stored trainings.

    p = 1 / (1 + exp(-(b + Σ_j w_j (x_j - m_j) / s_j)))

The numbers x_j are of one network alone (``evidence``). m, s, w and b were fitted on the trainings of ``experiments``,
none of which is of the held-out kinds of work that the probability is checked on; ``calibration.json`` holds them, and
``python -m experiments calibration`` writes it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from bptt.prognoses.measured import Measured

# Where a number says no more: what lies outside is taken as the limit.
LIMITS = {
    "loss": (-3.0, 0.2), "reach": (-8.0, 1.0), "growth": (-4.0, 8.0), "agreement": (-8.0, 1.0),
    "coherence": (-2.0, 0.0), "form": (0.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Calibration:
    """The fit.

    Attributes:
        mean: m, by name.
        deviation: s.
        weight: w.
        bias: b.
        least: of the networks that learnt, and had not yet when the look ahead ended, nine in ten had more of it.
        step: (intercept, slope) of ln(update at which it was learnt / budget) by the linear score.
    """

    mean: dict[str, float]
    deviation: dict[str, float]
    weight: dict[str, float]
    bias: float
    least: dict[str, float]
    step: tuple[float, float]

    def parts(self, evidence: dict[str, float]) -> dict[str, float]:
        """What every number adds to the score, by name."""
        return {
            name: self.weight[name] * (x - self.mean[name]) / self.deviation[name]
            for name, x in evidence.items()
        }

    def score(self, evidence: dict[str, float]) -> float:
        """ln(p / (1 - p))."""
        return self.bias + sum(self.parts(evidence).values())


def evidence(measured: Sequence[Measured], budget: int) -> dict[str, float]:
    """The numbers that the probability rests on, by name.

    Args:
        measured: of a look ahead, in order.
        budget: updates of the whole training.
    """
    first, last = measured[0], measured[-1]
    known: dict[str, float] = {
        "loss": float(np.log(last.loss / last.blind)) if last.loss > 0 and last.blind > 0 else -3.0,
        "reach": last.log10_attenuation,
        "growth": _difference(first.log10_attenuation, last.log10_attenuation),
    }
    if last.agreement_mid is not None:
        fall = max(last.agreement_mid.rate, 0.0) * max(0, budget - last.update)
        known["agreement"] = float(np.log10(fall)) if fall > 0 else -np.inf
        known["coherence"] = float(np.log10(max(last.agreement_mid.coherence, 1e-9)))
    if last.form is not None:
        known["form"] = last.form
    return {name: float(np.clip(x, *LIMITS[name])) for name, x in known.items()}


def _difference(before: float, after: float) -> float:
    low, high = LIMITS["reach"]
    return float(np.clip(after, 4 * low, high) - np.clip(before, 4 * low, high))


@cache
def calibration() -> Calibration:
    """The stored fit."""
    stored: dict[str, Any] = json.loads(
        files("bptt.prognoses").joinpath("calibration.json").read_text()
    )
    return Calibration(**stored | {"step": tuple(stored["step"])})
