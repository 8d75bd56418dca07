"""(c) Pascanu, Mikolov & Bengio 2013: temporal order with SGD alone, clipped, and clipped with Ω.

python -m experiments pascanu
"""

import bptt
from bptt import tasks
from bptt.errors import DivergenceError
from bptt.training import SGD, Drawn, evaluate, train
from experiments.running import in_parallel

HIDDEN, BATCH, RATE, STEPS = 50, 20, 0.01, 20_000
LENGTHS = (20, 50, 100)
LONG = (50, 100, 200, 500, 1000, 2000, 5000)
METHODS = {
    "MSGD": {"clip": None},
    "MSGD-C": {"clip": 1.0},
    "MSGD-CR": {"clip": 1.0, "omega": 2.0},
}


def fresh(task, seed):
    """A tanh network with a Gaussian W_R."""
    return bptt.Network.init(
        task.inputs, HIDDEN, task.outputs, "gaussian", loss=task.loss, loss_at=task.loss_at,
        rng=seed,
    )  # fmt: skip


def one(method, length, seed, steps):
    """Solved or not; for the long-tested network, whose length is None, the accuracy by length."""
    task = tasks.order2(length or 200)
    drawn = Drawn(50, 200) if length is None else None
    try:
        result = train(
            fresh(task, seed), task, steps=steps, batch=BATCH, optimiser=SGD(RATE), seed=seed,
            curriculum=drawn, evaluate_every=500, until="solved", **METHODS[method],
        )  # fmt: skip
    except DivergenceError as error:
        return {"solved": False, "steps": None, "accuracy": None, "why": str(error)}
    found = {
        "solved": result.stopped == "until",
        "steps": result.steps,
        "accuracy": result.score,
    }
    if length is None:
        found["by_length"] = evaluate(result.network, task, LONG)
    return found


def run(quick):
    """Every method at every length and seed, and one network trained on 50 to 200 steps."""
    lengths, seeds, steps = (LENGTHS, range(3), STEPS) if not quick else ((20,), (0,), 2000)
    settings = [
        {"method": method, "length": T, "seed": seed, "steps": steps}
        for T in lengths
        for method in METHODS
        for seed in seeds
    ]
    long = [
        {"method": "MSGD-CR", "length": None, "seed": seed, "steps": 2 * steps} for seed in range(1)
    ]
    found = in_parallel(one, long + settings, "(c) temporal order")
    return {"steps": steps, "long": found[: len(long)], "runs": found[len(long) :]}
