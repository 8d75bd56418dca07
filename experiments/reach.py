"""(a) Which lags each cell and init learns on the adding task, against what was measured before training.

python -m experiments reach
"""

import numpy as np

import bptt
from bptt.data import tasks
from bptt.errors import DivergenceError
from bptt.training import Adam, train
from experiments.networks import fresh
from experiments.running import in_parallel

HIDDEN, BATCH, UPDATES = 100, 32, 2000
NETWORKS = (
    "tanh, PyTorch's init", "tanh, orthogonal", "tanh, orthogonal × 1.1", "relu, orthogonal",
    "relu, identity", "relu, identity, W_F of PyTorch", "LSTM, PyTorch's init", "GRU, PyTorch's init",
)  # fmt: skip


def network_of(task, name, seed):
    """One of ``NETWORKS``, for the task."""
    return fresh(name, task, HIDDEN, seed=seed)


def measured(network, task):
    """What is known before training: of the layer, on held-out sequences."""
    batch = task.batch(32, np.random.default_rng(10_000), held_out=True).arguments()
    diagnosis = bptt.diagnose(network, batch, needed_lag=task.needed_lag).diagnosis
    layer = diagnosis.decisive
    return {
        "horizon": layer.horizon,
        "log10_attenuation": float(np.maximum(layer.log10_attenuation, -300)),
        "rate": layer.rate,
        "remembered": max(0.0, np.nan_to_num(diagnosis.remembered)),
        "verdict": layer.verdict,
    }


def learnt(network, task, seed, updates):
    """How far training comes: solved or not, at which update, and the loss it ends with."""
    try:
        result = train(
            network, task, updates=updates, batch=BATCH, optimiser=Adam(1e-3), clip=1.0, seed=seed,
            evaluate_every=100, until="solved",
        )  # fmt: skip
    except DivergenceError as error:
        return {"solved": False, "updates": None, "loss": None, "why": str(error)}
    return {"solved": result.stopped == "until", "updates": result.updates, "loss": result.score}


def one(network, length, seed, updates):
    """One network: measured, then trained."""
    task = tasks.adding(length)
    fresh = network_of(task, network, seed)
    return measured(fresh, task) | learnt(fresh, task, seed, updates)


def run(quick):
    """Every network at every length and seed."""
    lengths, seeds, updates = (
        ((50, 100, 200), range(3), UPDATES) if not quick else ((50,), (0,), 500)
    )
    settings = [
        {"network": name, "length": T, "seed": seed, "updates": updates}
        for T in lengths
        for name in NETWORKS
        for seed in seeds
    ]
    return {"updates": updates, "runs": in_parallel(one, settings, "(a) reach")}
