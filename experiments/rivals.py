"""Other models on the numbers of a look ahead: would one that can bend tell more than the shipped fit?

Each is fitted on the development set. There it tells the networks of a kind of work by a fit that saw none of that kind; those
of (g) by a fit on all of it. Trees may rise with the fall, the reach, the agreement and the form only, and fall with the loss.

python -m experiments rivals
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from bptt.prognoses import LEARNT
from bptt.prognoses.calibration import MARKS
from experiments.calibration import RESTS_ON, fit, is_open
from experiments.foretold import (
    balanced_accuracy,
    calibration_error,
    foretold,
    learnt,
    places,
    reads_text,
)
from experiments.ranks import spearman
from experiments.running import stored

RISES = {"loss": -1, "fall": 1, "reach": 1, "agreement": 1, "form": 1, "gap": 0, "passes": 0}
WAYS = [RISES[name] for name in RESTS_ON]
MODELS = {
    "logistic regression with squares and products": lambda: make_pipeline(
        StandardScaler(), PolynomialFeatures(2), StandardScaler(), LogisticRegression(C=0.05, max_iter=2000)
    ),
    "random forest, 400 trees": lambda: RandomForestClassifier(
        400, min_samples_leaf=8, monotonic_cst=WAYS, random_state=0
    ),
    "boosted trees": lambda: HistGradientBoostingClassifier(
        learning_rate=0.08, max_iter=60, max_leaf_nodes=5, min_samples_leaf=15, l2_regularization=5.0,
        monotonic_cst=WAYS, random_state=0,
    ),
}  # fmt: skip


def columns(some):
    """(N, J) the numbers of networks; 0 for one that was not measured."""
    return np.array([[one.evidence.get(name, 0.0) for name in RESTS_ON] for one in some])


def shipped(known):
    """The probabilities of the ordinal logistic regression that the library ships, fitted on some networks."""
    own = fit(known)
    return lambda some: np.array([one.chance(own) for one in some])


def model(make):
    """The same of another model, fitted on the networks that a look ahead leaves open."""

    def fitted(known):
        known = [one for one in known if is_open(one)]
        own = make().fit(columns(known), [one.solved for one in known])
        return lambda some: own.predict_proba(columns(some))[:, 1]

    return fitted


def told(some, p):
    """Rank correlation, balanced accuracy and calibration error; what was settled at the end of the look ahead counts so."""
    p = [
        0.0 if not one.evidence else 1.0 if one.left <= LEARNT else float(own)
        for one, own in zip(some, p, strict=True)
    ]
    score = [
        2 - one.left if one.evidence and one.left <= MARKS[-1] else own
        for one, own in zip(some, p, strict=True)
    ]
    solved = [one.solved for one in some]
    return {
        "rank": spearman(score, places([learnt(one.run) for one in some])),
        "balanced": balanced_accuracy(solved, [x > 0.5 for x in p]),
        "calibration": calibration_error(p, solved),
    }


def one(fitted, sets):
    """A model on the three sets."""
    known = sets["development"]
    p = np.zeros(len(known))
    families = np.array([each.family for each in known])
    for family in set(families):
        own = fitted([each for each in known if each.family != family])
        some = families == family
        p[some] = own([each for each in known if each.family == family])
    whole = fitted(known)
    return {
        name: told(some, p if name == "development" else whole(some)) for name, some in sets.items()
    }


def run(quick):
    """All of them; a quick run leaves the forest and the boosted trees out."""
    sets = {
        name: [foretold(run) for run in stored(name)["runs"] if not reads_text(run)]
        for name in ("development", "held_out", "unseen")
    }
    kinds = {"ordinal logistic regression, shipped": shipped} | {
        name: model(make) for name, make in list(MODELS.items())[: 1 if quick else None]
    }
    return {"runs": [{"model": name, **one(fitted, sets)} for name, fitted in kinds.items()]}
