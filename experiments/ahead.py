"""A look ahead on a network: what is measured at the start and after 1.25, 2.5, 5 and 10 % of the budget.

The sequences are others than those of the full training: the seed of the data differs.
"""

import time
from dataclasses import asdict, fields

import numpy as np

from bptt.errors import NonFiniteError
from bptt.prognoses import Agreement, Measured, NetworkLearner, measure
from experiments.outcomes import network_of, work_of

POINTS = (0.0, 0.0125, 0.025, 0.05, 0.1)
GROUPS, FORM_GROUPS = 12, 6
OTHER_DATA = 1000  # is added to the seed of the data


def ahead(record):
    """What a look ahead measures, compactly; where the training broke off, as far as it came.

    "trained" is the mean loss on the batches from point to point, "epoch" the updates that go through all of the data
    once, None where they are drawn anew.
    """
    of, began = work_of(record), time.process_time()
    learner = NetworkLearner(
        network_of(record), of.data, needed_lag=of.needed_lag, lr=of.rate, batch=of.batch,
        length=of.steps, seed=OTHER_DATA + record["seed"],
    )  # fmt: skip
    seen, trained, why = [], [], None
    try:
        for point in POINTS:
            losses = []
            learner.advance(round(point * of.updates) - learner.updates, losses.append)
            trained += [compact(float(np.mean(losses)))] if losses else []
            seen.append(compact(asdict(measure(learner, GROUPS, FORM_GROUPS))))
    except NonFiniteError as error:
        why = str(error)
    epoch = None if np.isinf(learner.epoch) else round(learner.epoch, 2)
    return {
        "ahead": seen,
        "trained": trained,
        "epoch": epoch,
        "broke_off": why,
        "ahead_seconds": round(time.process_time() - began, 1),
    }


def compact(measured):
    """The numbers of ``Measured`` in its order, four digits each."""
    if isinstance(measured, dict):
        measured = list(measured.values())
    if isinstance(measured, list):
        return [compact(value) for value in measured]
    return measured if measured is None or isinstance(measured, int) else float(f"{measured:.4g}")


def measured_of(row):
    """A ``Measured`` of its compact form."""
    values = dict(zip((field.name for field in fields(Measured)), row, strict=True))
    for name in ("agreement", "agreement_mid"):
        if values[name] is not None:
            values[name] = Agreement(*values[name])
    return Measured(**values)
