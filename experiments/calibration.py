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
from experiments.foretold import foretold
from experiments.running import stored

FILE = Path(bptt.__file__).parent / "prognoses" / "calibration.json"
ONE_IN_TEN = 0.1
FEWEST = 5  # networks that learnt, and that did not, to fit on


def fit(all_foretold):
    """The calibration that fits best those networks that a look ahead leaves open."""
    some = [one for one in all_foretold if one.evidence and one.learnt_already is None]
    names = list(max((one.evidence for one in some), key=len))
    x = np.array([[one.evidence.get(name, np.nan) for name in names] for one in some])
    solved = np.array([one.solved for one in some])
    mean, deviation = np.nanmean(x, 0), np.nanstd(x, 0)
    z = np.nan_to_num((x - mean) / deviation)  # what was not measured counts as the mean
    regression = LogisticRegression(C=1.0).fit(z, solved)
    score = regression.decision_function(z)
    part = np.array([one.run["at"] / one.run["updates"] for one in some if one.solved])
    slope, intercept = np.polyfit(score[solved], np.log(part), 1)

    def by_name(values):
        return {name: round(float(v), 4) for name, v in zip(names, values, strict=True)}

    return Calibration(
        mean=by_name(mean), deviation=by_name(deviation), weight=by_name(regression.coef_[0]),
        bias=round(float(regression.intercept_[0]), 4),
        least=by_name(np.nanquantile(x[solved], ONE_IN_TEN, axis=0)),
        step=(round(float(intercept), 4), round(float(slope), 4)),
    )  # fmt: skip


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
