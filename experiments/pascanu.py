"""(c) Pascanu, Mikolov & Bengio 2013: temporal order with SGD alone, clipped, and clipped with Ω.

python -m experiments pascanu
"""

import bptt
from bptt.data import tasks
from bptt.errors import DivergenceError
from bptt.training import SGD, Drawn, Growing, evaluate, train
from experiments.running import in_parallel

HIDDEN, BATCH, RATE, UPDATES = 50, 20, 0.01, 20_000
LENGTHS, LONGER = (20, 50, 100), 25_000
LONG = (50, 100, 200, 500, 1000, 2000, 5000)
METHODS = {
    "MSGD": {"clip": None},
    "MSGD-C": {"clip": 1.0},
    "MSGD-CR": {"clip": 1.0, "omega": 2.0},
}


def fresh(task, seed, scheme="gaussian"):
    """A tanh network."""
    return bptt.Network.init(
        task.inputs, HIDDEN, task.outputs, scheme, loss=task.loss, loss_at=task.loss_at, rng=seed
    )


def one(method, length, seed, updates):
    """Solved or not."""
    task = tasks.order2(length)
    try:
        result = train(
            fresh(task, seed), task, updates=updates, batch=BATCH, optimiser=SGD(RATE), seed=seed,
            evaluate_every=500, until="solved", **METHODS[method],
        )  # fmt: skip
    except DivergenceError as error:
        return {"solved": False, "updates": None, "accuracy": None, "why": str(error)}
    solved = result.stopped == "until"
    return {"solved": solved, "updates": result.updates, "accuracy": result.score}


def long(seed, updates):
    """MSGD-CR on lengths that grow from 20 to 200 and are then drawn from 50 to 200; accuracy by length."""
    task = tasks.order2(200)
    network, done = fresh(task, seed, "orthogonal"), 0
    for curriculum in (Growing(20, 200, updates), Drawn(50, 200)):
        result = train(
            network, task, updates=updates, batch=BATCH, optimiser=SGD(RATE), seed=seed,
            curriculum=curriculum, **METHODS["MSGD-CR"],
        )  # fmt: skip
        network, done = result.network, done + result.updates
    return {"updates": done, "by_length": evaluate(network, task, LONG)}


def run(quick):
    """Every method at every length and seed, and one network for many lengths."""
    lengths, seeds, updates = (LENGTHS, range(3), UPDATES) if not quick else ((20,), (0,), 2000)
    settings = [
        {"method": method, "length": T, "seed": seed, "updates": updates}
        for T in lengths
        for method in METHODS
        for seed in seeds
    ]
    return {
        "updates": updates,
        "long": in_parallel(
            long, [{"seed": 0, "updates": LONGER if not quick else 100}], "(c) long"
        ),
        "runs": in_parallel(one, settings, "(c) temporal order"),
    }
