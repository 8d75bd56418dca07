"""The fit that the prognosis ships with: a logistic regression on the development set.

python -m experiments.calibration writes src/bptt/prognoses/calibration.json from the stored development set.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import bptt
from bptt.prognoses.calibration import Calibration, calibration
from experiments.ahead import measured_of
from experiments.foretold import foretold
from experiments.running import stored

FILE = Path(bptt.__file__).parent / "prognoses" / "calibration.json"
RESTS_ON = ("loss", "fall", "reach", "agreement", "form", "gap", "passes")
SHOWN = ("log10_attenuation", "coherence", "form")
ONE_IN_TEN = 0.1
FEWEST = 5  # networks that learnt, and that did not, to fit on


def fit(all_foretold):
    """The calibration that fits best those networks that a look ahead leaves open and measures whole.

    A full training that broke off is left out: nobody knows what it would have learnt.
    """
    some = [
        one
        for one in all_foretold
        if one.learnt_already is None
        and set(RESTS_ON) <= set(one.evidence)
        and one.run["loss"] is not None
    ]
    solved = np.array([one.solved for one in some])

    def column(name):
        return np.array([one.evidence[name] for one in some])

    x = np.stack([column(name) for name in RESTS_ON], axis=1)
    mean, deviation = x.mean(0), x.std(0)
    z = (x - mean) / deviation
    regression = LogisticRegression(C=1.0).fit(z, solved)
    score = regression.decision_function(z)
    part = np.array([one.run["at"] / one.run["updates"] for one in some if one.solved])
    slope, intercept = np.polyfit(score[solved], np.log(part), 1)
    least = np.quantile([shown(one) for one in some if one.solved], ONE_IN_TEN, axis=0)
    usual = {name: np.median(column(name)[solved]) for name in RESTS_ON}

    def by_name(values):
        return dict(zip(RESTS_ON, map(short, values), strict=True))

    return Calibration(
        mean=by_name(mean), deviation=by_name(deviation), weight=by_name(regression.coef_[0]),
        bias=short(regression.intercept_[0]), usual={name: short(x) for name, x in usual.items()},
        least=dict(zip(SHOWN, map(short, least), strict=True)), step=(short(intercept), short(slope)),
    )  # fmt: skip


def shown(one):
    """What the curves show at the end of the look ahead."""
    last = measured_of(one.run["ahead"][-1])
    return last.log10_attenuation, last.agreement_mid.coherence, last.form


def short(x):
    """Four decimals."""
    return round(float(x), 4)


def fit_without_own(all_foretold):
    """For every network the fit on those whose kind of work is another.

    The library's own where these are too few to fit on, as in a quick run.
    """
    fits = {}
    for family in {one.family for one in all_foretold}:
        others = [one for one in all_foretold if one.family != family]
        learnt = sum(one.solved for one in others)
        fits[family] = fit(others) if FEWEST <= learnt <= len(others) - FEWEST else calibration()
    return [fits[one.family] for one in all_foretold]


def write():
    """Fit on the stored development set, and keep it where the library reads it."""
    fitted = fit([foretold(run) for run in stored("development")["runs"]])
    FILE.write_text(json.dumps(asdict(fitted), indent=1) + "\n")


if __name__ == "__main__":
    write()
