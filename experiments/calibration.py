"""The fit that the prognosis ships with: an ordinal logistic regression on the development set.

python -m experiments.calibration writes src/bptt/prognoses/calibration.json from the stored development set.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

import bptt
from bptt.prognoses import LEARNT
from bptt.prognoses.calibration import MARKS, Calibration, calibration
from experiments.ahead import measured_of
from experiments.foretold import foretold, reached
from experiments.running import stored

FILE = Path(bptt.__file__).parent / "prognoses" / "calibration.json"
RESTS_ON = ("loss", "fall", "reach", "agreement", "form", "gap", "passes")
SHOWN = ("log10_attenuation", "coherence", "form")
ONE_IN_TEN, RIDGE = 0.1, 1.0
FEWEST = 5  # networks that learnt, and that did not, to fit on


def fit(all_foretold):
    """The calibration that fits best those networks that a look ahead leaves open and measures whole.

    A full training that broke off is left out: nobody knows what it would have learnt.
    """
    some = [one for one in all_foretold if is_open(one)]
    solved = np.array([one.solved for one in some])

    def column(name):
        return np.array([one.evidence[name] for one in some])

    x = np.stack([column(name) for name in RESTS_ON], axis=1)
    mean, deviation = x.mean(0), x.std(0)
    z = (x - mean) / deviation
    weight, bias = ordinal(
        z,
        np.array([[one.came(mark) for mark in MARKS] for one in some]),
        np.array([[one.left > mark for mark in MARKS] for one in some]),
    )
    late = np.array([one.solved and one.left > LEARNT for one in some])
    part = np.array([reached(one.run, LEARNT) for one, own in zip(some, late, strict=True) if own])
    when = Ridge(alpha=RIDGE).fit(z[late], np.log(part))
    least = np.quantile([shown(one) for one in some if one.solved], ONE_IN_TEN, axis=0)
    usual = {name: np.median(column(name)[solved]) for name in RESTS_ON}

    def by_name(values):
        return dict(zip(RESTS_ON, map(short, values), strict=True))

    return Calibration(
        mean=by_name(mean), deviation=by_name(deviation), weight=by_name(weight),
        bias=dict(zip(MARKS, map(short, bias), strict=True)), usual={name: short(x) for name, x in usual.items()},
        least=dict(zip(SHOWN, map(short, least), strict=True)), when=by_name(when.coef_) | {"": short(when.intercept_)},
    )  # fmt: skip


def is_open(one):
    """Whether a look ahead measured all of a network's numbers, and it was not down to half by then."""
    whole = set(RESTS_ON) <= set(one.evidence) and one.run["loss"] is not None
    return whole and one.left > MARKS[-1]


def ordinal(z, came, left_open):
    """Weights and a bias per mark of the likeliest ordinal logistic regression, with a ridge on the weights.

    Args:
        z: (N, J) standardised numbers.
        came: (N, Q) whether a network came down to a mark.
        left_open: (N, Q) whether it had not yet when the look ahead ended: only these count.
    """
    J, Q = z.shape[1], came.shape[1]

    def loss(parameters):
        weight, bias = parameters[:J], parameters[J:]
        score = (z @ weight)[:, None] + bias
        error = left_open * (1 / (1 + np.exp(-score)) - came) / Q
        value = (left_open * (np.logaddexp(0, score) - came * score)).sum() / Q
        slope = np.concatenate([z.T @ error.sum(1) + RIDGE * weight, error.sum(0)])
        return value + 0.5 * RIDGE * weight @ weight, slope

    found = minimize(loss, np.zeros(J + Q), jac=True, method="BFGS", options={"gtol": 1e-8})
    return found.x[:J], found.x[J:]


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
