r"""How likely a network learns, from what a look ahead measured: a logistic regression on stored trainings.

    p = 1 / (1 + exp(-(b + Σ_j w_j (x_j - m_j) / s_j)))

The numbers x_j are of one network alone (``evidence``). Reach is not among them: what does not reach does not agree, so
agreement holds it, and beside agreement it told nothing more; it is told when it is what is missing. m, s, w and b were
fitted on the trainings of ``experiments``, none of which is of the held-out kinds of work that the probability is checked
on. ``calibration.json`` holds them, and ``python -m experiments.calibration`` writes it.
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
    "loss": (-3.0, 0.2), "reach": (-8.0, 1.0), "agreement": (-8.0, 1.0), "certainty": (-2.0, 6.0), "form": (0.0, 1.0),
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
        usual: the median of them.
        step: (intercept, slope) of ln(update at which it was learnt / budget) by the linear score.
    """

    mean: dict[str, float]
    deviation: dict[str, float]
    weight: dict[str, float]
    bias: float
    least: dict[str, float]
    usual: dict[str, float]
    step: tuple[float, float]

    def parts(self, evidence: dict[str, float]) -> dict[str, float]:
        """What every number adds to the score, by name; one that could not be measured adds nothing."""
        return {
            name: weight * (evidence[name] - self.mean[name]) / self.deviation[name]
            for name, weight in self.weight.items()
            if name in evidence
        }

    def score(self, evidence: dict[str, float]) -> float:
        """ln(p / (1 - p))."""
        return self.bias + sum(self.parts(evidence).values())


def evidence(measured: Sequence[Measured], budget: int) -> dict[str, float]:
    """The numbers that the probability rests on, by name, at the end of a look ahead.

    loss is ln of the held-out loss over what is reached blindly, reach log10 of the signal at the needed lag, agreement
    log10 of the part of the loss that the lags from half of the needed one on can take off in the updates that are
    left (what is measured and one standard error), certainty what is measured over its standard error, form R².

    Args:
        measured: of a look ahead, in order.
        budget: updates of the whole training.
    """
    last = measured[-1]
    known = {
        "loss": float(np.log(max(last.loss, 1e-300) / max(last.blind, 1e-300))),
        "reach": last.log10_attenuation,
    }
    if (agreed := last.agreement_mid) is not None:
        error = np.nan_to_num(agreed.rate_error)
        most = (max(agreed.rate, 0.0) + error) * max(0, budget - last.update)
        known["agreement"] = float(np.log10(most)) if most > 0 else -np.inf
        if error > 0:
            known["certainty"] = agreed.rate / error
    if last.form is not None:
        known["form"] = last.form
    return {name: float(np.clip(x, *LIMITS[name])) for name, x in known.items()}


@cache
def calibration() -> Calibration:
    """The stored fit."""
    stored: dict[str, Any] = json.loads(
        files("bptt.prognoses").joinpath("calibration.json").read_text()
    )
    return Calibration(**stored | {"step": tuple(stored["step"])})
