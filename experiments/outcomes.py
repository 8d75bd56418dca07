"""What becomes of a network in a full training: learnt or not, when, and the loss it ends with.

python -m experiments.outcomes SET FILE trains every network of a set and writes a JSON line as each ends;
what the file holds already is not trained again.

A network is "solved" once its held-out loss is at most half of the best constant's. It is looked at after every twentieth of the
budget, and there the training stops.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bptt.data import Task, Text
from bptt.errors import DivergenceError
from bptt.training import Adam, bits_per_character, train
from bptt.training.scores import held_out
from experiments.networks import fresh
from experiments.works import work

MARKS = 20
HALF = 0.5  # of the best constant's loss: the lowest mark
KEYS = ("work", "kind", "hidden", "layers", "seed", "updates")


def key_of(record):
    """What tells a network from the others."""
    return tuple(record[key] for key in KEYS)


def work_of(record):
    """What the network of a record is trained on, and how."""
    how = {name: record[name] for name in ("rate", "batch") if name in record}
    return work(record["work"], record["updates"], **how)


def network_of(record):
    """The fresh network of a record."""
    of = work_of(record)
    return fresh(
        record["kind"], of.data, record["hidden"], record["layers"], record["seed"], of.steps
    )


def batches(data):
    """The held-out sequences of a task or series, some at a time."""
    if isinstance(data, Task):
        return list(held_out(data))
    part = data.held_out
    return [part.part(slice(i, i + 64)) for i in range(0, len(part.lengths), 64)]


def loss_of(network, data):
    """On the held-out part, in nats, squares, or bits of a text."""
    if isinstance(data, Text):
        return bits_per_character(network, data)
    parts = batches(data)
    sizes = [len(part.lengths) for part in parts]
    return float(np.average([network.run(**part.arguments()).E for part in parts], weights=sizes))


def constant_loss(data):
    """Of the best constant answer on the held-out part, in the same unit."""
    if isinstance(data, Text):
        p = np.bincount(data.held_out) / len(data.held_out)
        return float(-(p[p > 0] * np.log2(p[p > 0])).sum())
    targets = np.concatenate([part.targets for part in batches(data)])
    if data.loss == "mse":
        return float(targets.var())
    p = np.bincount(targets) / len(targets)
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def outcome(record, data_seed=None):
    """A network trained in full.

    Args:
        record: of the network.
        data_seed: of the sequences; the network's seed if not given.
    """
    of, network = work_of(record), network_of(record)
    data, began = of.data, time.process_time()
    constant, curve, learnt = constant_loss(data), [], False
    with TemporaryDirectory() as folder:
        for mark in sorted({max(1, of.updates * i // MARKS) for i in range(1, MARKS + 1)}):
            try:
                result = train(
                    network, data, updates=mark, length=of.steps, batch=of.batch, optimiser=Adam(of.rate),
                    clip=1.0, seed=record["seed"] if data_seed is None else data_seed,
                    checkpoint=f"{folder}/run.safetensors", checkpoint_every=10**9, resume=bool(curve),
                )  # fmt: skip
            except DivergenceError as error:
                return record | {"solved": False, "at": None, "loss": None, "why": str(error)}
            loss = loss_of(result.network, data)
            curve.append([mark, round(loss, 4), round(result.score, 4)])
            learnt = not isinstance(data, Text) and loss <= HALF * constant
            if learnt:
                break
    return record | {
        "solved": learnt, "at": mark if learnt else None, "loss": curve[-1][1], "constant": round(constant, 4),
        "curve": curve, "seconds": round(time.process_time() - began, 1),
    }  # fmt: skip


def main(records, path, **how):
    """Every network that the file does not hold yet."""
    path = Path(path)
    lines = path.read_text().splitlines() if path.exists() else []
    done = {key_of(json.loads(line)) for line in lines}
    with path.open("a") as file:
        for record in records:
            if key_of(record) not in done:
                file.write(json.dumps(outcome(record, **how)) + "\n")
                file.flush()


if __name__ == "__main__":
    import bptt
    from experiments import sets

    bptt.set_num_threads(1)
    name, path, *seeds = sys.argv[1:]
    main(getattr(sets, name)(), path, data_seed=int(seeds[0]) if seeds else None)
