"""What a prognosis and a ranking of the remedies cost, beside the training that they are about, in processor time on one thread.

python -m benchmarks.ahead      # measures, stores the results, writes the table of docs/prognosis.md; some three minutes
"""

import json
import os
import subprocess
import sys

import numpy as np

import bptt
from benchmarks import tables
from benchmarks.large import HOME, ONE, spent
from bptt.data import tasks
from bptt.prognoses import BUDGET
from bptt.training import Adam, train

BATCH, UPDATES, TURNS = 32, 100, 3
NETWORKS = {
    "tanh, 50 units, T = 100": (100, {"hidden": 50}),
    "relu, 100 units, T = 100": (100, {"hidden": 100, "activation": "relu", "scheme": "identity"}),
    "LSTM, 50 units, T = 100": (100, {"hidden": 50, "cell": "lstm"}),
    "LSTM, 100 units, T = 100": (100, {"hidden": 100, "cell": "lstm"}),
    "GRU, 50 units, T = 200": (200, {"hidden": 50, "cell": "gru"}),
}


def one(length, how):
    """Seconds of an update, of a prognosis, and of a ranking."""
    task = tasks.load("adding", length)
    network = bptt.Network.init(
        task.inputs, how["hidden"], task.outputs, loss=task.loss, loss_at=task.loss_at, rng=0,
        **{name: value for name, value in how.items() if name != "hidden"},
    )  # fmt: skip
    report = bptt.diagnose(
        network, task.batch(BATCH, np.random.default_rng(0)).arguments(), needed_lag=task.needed_lag
    )

    def updates():
        train(network, task, updates=UPDATES, batch=BATCH, optimiser=Adam(1e-3), clip=1.0, seed=0)

    updates()
    trained, ahead = [], []
    for _ in range(TURNS):  # in turns, so that a busy moment meets both
        trained.append(spent(updates) / UPDATES)
        ahead.append(
            spent(lambda: bptt.prognosis(network, task, budget=BUDGET, batch=BATCH, progress=False))
        )
    ranking = spent(lambda: report.try_remedies(task, budget=BUDGET, batch=BATCH, progress=False))
    trained.append(spent(updates) / UPDATES)
    return {
        "update": float(np.median(trained)),
        "prognosis": float(np.median(ahead)),
        "ranking": ranking,
    }


def in_a_process(name):
    """The same of one network, in a process of one thread."""
    command = [sys.executable, "-m", "benchmarks.ahead", name]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=HOME, env=os.environ | ONE
    )
    return json.loads(done.stdout)


def main():
    """Measure, store, and write the table."""
    rows = {name: in_a_process(name) for name in NETWORKS}
    result = {"budget": BUDGET, "rows": rows}
    tables.AHEAD.write_text(json.dumps(result, indent=1) + "\n")
    tables.write()
    print(tables.ahead(result))


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(one(*NETWORKS[sys.argv[1]])))
    else:
        main()
