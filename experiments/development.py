"""The development set of the prognosis: networks that are trained in full, and looked ahead on, to choose and to fit on.

python -m experiments development
"""

from experiments import sets
from experiments.ahead import ahead
from experiments.outcomes import outcome
from experiments.running import in_parallel

TWIN = 777  # seed of the data of a twin's training


def one(record):
    """A network: what becomes of it, what becomes of its twin, and the look ahead."""
    twin = outcome(record, data_seed=TWIN)
    return outcome(record) | {"twin": [twin["at"], twin["loss"]]} | ahead(record)


def run(quick):
    """The whole set; of (a) its networks are trained anew."""
    records = sets.development()
    if quick:
        records = [record | {"updates": 60} for record in records[100::90]]
    settings = [{"record": record} for record in records]
    runs = in_parallel(one, settings, "development set")
    return {"runs": [{k: v for k, v in run.items() if k != "record"} for run in runs]}
