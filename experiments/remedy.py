"""(b) The same networks before and after the first-ranked remedy: how many seeds learn.

python -m experiments remedy
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import bptt
from bptt.data import tasks
from bptt.errors import DivergenceError
from bptt.training import Adam, Growing, train
from experiments.running import in_parallel

HIDDEN, BATCH, UPDATES, RATE, CLIP = 50, 32, 2000, 1e-3, 1.0
CELLS = ("rnn", "lstm", "gru")
WORKS = (("adding", 50), ("adding", 100), ("adding", 200), ("events", 200))  # events: lag 150
# That race with chrono and three times the learning rate, of an LSTM that adds; chrono alone among them.
OTHERS = ("chrono", "lr-up", "curriculum", "forget-bias")
EVERY = 100  # updates from one look at held-out sequences to the next


def fresh(cell, task, seed):
    """As ``bptt remedies`` makes it: PyTorch's init."""
    return bptt.Network.init(
        task.inputs, HIDDEN, task.outputs, cell=cell, loss=task.loss, loss_at=task.loss_at, rng=seed
    )


def learnt(network, task, seed, updates, lr=RATE, clip=CLIP, omega=0.0, curriculum=None):
    """How far training comes: solved or not, at which update, and the score it ends with."""
    try:
        result = train(
            network, task, updates=updates, batch=BATCH, optimiser=Adam(lr), clip=clip, omega=omega,
            curriculum=curriculum, seed=seed, evaluate_every=EVERY, until="solved",
        )  # fmt: skip
    except DivergenceError as error:
        return {"solved": False, "updates": None, "score": None, "why": str(error)}
    solved = result.stopped == "until"
    return {"solved": solved, "updates": result.updates, "score": round(float(result.score), 4)}


def remedied(cell, task, seed, *options):
    """What ``bptt remedies --apply`` writes and says: the network, read again, and the ranking. None for no network."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "remedied.safetensors"
        done = subprocess.run(
            [
                sys.executable, "-m", "bptt", "remedies", "--cell", cell, "--hidden", str(HIDDEN), "--seed", str(seed),
                "--data", task.name, "--length", str(task.length), "--apply", "--out", str(path), "--no-report", "--json",
                *options,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not path.exists():  # nothing is better than the network as it is
            return None, []
        network, _ = bptt.Network.load(path)
        return network, json.loads(done.stdout)["ranked"]


def trained(network, row, task, seed, updates):
    """A network with a remedy, trained as the remedy's row says."""
    how = dict(row["training"])
    if "curriculum" in how:
        how["curriculum"] = Growing(**how["curriculum"])
    return learnt(network, task, seed, updates, **how)


def by_command(cell, task, seed, updates):
    """The first-ranked remedy, trained."""
    network, ranked = remedied(cell, task, seed, "--budget", str(updates))
    if network is None:
        return {"ranked": ["as it is"]}
    names, after = [row["name"] for row in ranked], trained(network, ranked[0], task, seed, updates)
    return {"ranked": names, "does": ranked[0]["changes"], "after": after}


def one(through, cell, name, length, seed, updates):
    """A network trained as it is, and with the first-ranked remedy."""
    task = tasks.load(name, length)
    if through == "PyTorch":
        from experiments.remedy_torch import in_pytorch

        return in_pytorch(cell, task, seed, updates)
    before = learnt(fresh(cell, task, seed), task, seed, updates)
    return {"before": before} | by_command(cell, task, seed, updates)


def other(length, remedy, updates):
    """An LSTM that adds, the first of its kind, trained with one of the candidates that are not ranked first."""
    task = tasks.load("adding", length)
    network = fresh("lstm", task, 0)
    batch = task.batch(BATCH, np.random.default_rng(0)).arguments()
    report = bptt.diagnose(network, batch, needed_lag=task.needed_lag, progress=False)
    ranking = report.try_remedies(task, only=[remedy], budget=0, progress=False)
    return learnt(ranking.model(remedy), task, 0, updates, **ranking.named(remedy).changes)


def run(quick):
    """Every cell on every work and seed, by the command and through PyTorch."""
    settings = [
        {
            "through": through,
            "cell": cell,
            "name": name,
            "length": T,
            "seed": seed,
            "updates": UPDATES,
        }
        for through in ("bptt remedies --apply", "PyTorch")
        for name, T in WORKS
        for cell in CELLS
        for seed in range(4)
    ]
    if quick:
        settings = [setting | {"updates": 200} for setting in settings[:1]]
    others = [
        {"length": T, "remedy": remedy, "updates": UPDATES} for T in (100, 200) for remedy in OTHERS
    ]
    if quick:
        others = [other | {"updates": 200} for other in others[:1]]
    return {
        "runs": in_parallel(one, settings, "(b) remedy"),
        "others": in_parallel(other, others, "(b) other candidates"),
    }
