"""(c) Pascanu, Mikolov & Bengio 2013: temporal order with SGD alone, clipped, and clipped with Ω.

python -m experiments pascanu
"""

from tempfile import TemporaryDirectory

import bptt
from bptt.data import tasks
from bptt.errors import DivergenceError
from bptt.training import SGD, Drawn, Growing, evaluate, train
from experiments.running import in_parallel

HIDDEN, BATCH, RATE = 50, 20, 0.01
UPDATES = {20: 20_000, 50: 20_000, 100: 100_000}
LENGTHS = tuple(UPDATES)
# One network for many lengths: weight of Ω, updates while the length grows, all of them, and from one look to the next.
LONG_OMEGA, GROWING, LONGER, LOOK = 4.0, 40_000, 170_000, 10_000
LONG = (100, 200, 500, 1000, 2000)
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
    """MSGD-CR on lengths that grow from 20 to 200 and are then drawn from 50 to 200; accuracy by length on the way."""
    task = tasks.order2(200)
    network, rows = fresh(task, seed, "orthogonal"), []
    growing = min(GROWING, updates)
    for done, end, curriculum in (
        (0, growing, Growing(20, 200, growing)),
        (growing, updates, Drawn(50, 200)),
    ):
        with TemporaryDirectory() as folder:
            for mark in range(done + LOOK, end + 1, LOOK):
                result = train(
                    network, task, updates=mark - done, batch=BATCH, optimiser=SGD(RATE), seed=seed, clip=1.0,
                    omega=LONG_OMEGA, curriculum=curriculum, checkpoint=f"{folder}/run.safetensors",
                    checkpoint_every=10**9, resume=mark > done + LOOK,
                )  # fmt: skip
                rows.append({"updates": mark, "by_length": evaluate(result.network, task, LONG)})
            network = result.network if end > done else network
    return {"rows": rows}


def run(quick):
    """Every method at every length and seed, and one network for many lengths."""
    lengths, seeds = (LENGTHS, range(3)) if not quick else ((20,), (0,))
    settings = [
        {"method": method, "length": T, "seed": seed, "updates": UPDATES[T] if not quick else 2000}
        for T in lengths
        for method in METHODS
        for seed in seeds
    ]
    whole = [{"seed": 0, "updates": LONGER if not quick else LOOK}]
    of = in_parallel(long, whole, "(c) long")[0]
    return {
        "long": [{"seed": of["seed"]} | row for row in of["rows"]],
        "runs": in_parallel(one, settings, "(c) temporal order"),
    }
