"""(b) The same networks after the first-ranked remedy: how many seeds learn, before and after.

python -m experiments remedy
"""

import numpy as np

import bptt
from bptt.data import tasks
from experiments.reach import UPDATES, learnt, network_of
from experiments.running import in_parallel

BEFORE = ("tanh, PyTorch's init",)


def one(network, length, seed, updates):
    """Trained as it is; then the remedies are tried, and the first-ranked is trained."""
    task = tasks.adding(length)
    fresh = network_of(task, network, seed)
    batch = task.batch(32, np.random.default_rng(10_000), held_out=True).arguments()
    report = bptt.diagnose(fresh, batch, needed_lag=task.needed_lag)
    ranking = report.try_remedies(task, seed=seed, progress=False, budget=updates)
    best = ranking.best
    after = None if best is None else learnt(ranking.model(), task, seed, updates)
    ranked = [tried.name for tried in ranking.tried]
    before = learnt(fresh, task, seed, updates)
    return {"before": before, "after": after, "ranked": ranked}


def run(quick):
    """The network at every length and seed."""
    lengths, seeds, updates = (
        ((50, 100, 200), range(4), UPDATES) if not quick else ((50,), (0,), 500)
    )
    settings = [
        {"network": name, "length": T, "seed": seed, "updates": updates}
        for T in lengths
        for name in BEFORE
        for seed in seeds
    ]
    return {"updates": updates, "runs": in_parallel(one, settings, "(b) remedy")}
