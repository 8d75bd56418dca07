"""PyTorch's layers and ours in the same model: training steps and states without gradients.

python -m benchmarks.accelerate              # all of it, stored; writes the table into docs/accelerate.md
python -m benchmarks.accelerate S1 S3        # these shapes again, the others as they are stored

A training step is a layer, a linear head, cross-entropy and Adam, in one process with PyTorch's threads for both. The two
take turns, step by step: a busy moment of the machine meets both. The first losses are compared.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import GATES, SHAPES, Shape
from benchmarks.worker import FIXED, THREADS

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "accelerate.json"
CASES = {name: SHAPES[name] for name in ("S1", "S3", "S5", "S4")} | {
    "short": Shape(20, 1, 8, 64), "small": Shape(5, 8, 16, 64), "step": Shape(1, 1, 8, 64),
}  # fmt: skip
CLASSES, LEVELS = 10, (1, 2)
TURNS, SECONDS = 300, 0.8  # of each pair at most; but at least LEAST turns
LEAST = 3


def contender(cell, shape, levels, accelerated):
    """A training step that returns its loss, and the states alone."""
    import torch
    from torch import nn

    import bptt

    torch.manual_seed(0)
    model = nn.ModuleDict({
        "rnn": getattr(nn, cell)(shape.I, shape.H, levels), "head": nn.Linear(shape.H, CLASSES),
    })  # fmt: skip
    x = torch.randn(shape.T, shape.B, shape.I)
    y = torch.randint(CLASSES, (shape.T * shape.B,))
    if accelerated:
        bptt.accelerate(model)
    optimizer = torch.optim.Adam(model.parameters())

    def train():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model["head"](model["rnn"](x)[0]).flatten(0, 1), y)
        loss.backward()
        optimizer.step()
        return loss

    def infer():
        with torch.no_grad():
            model["rnn"](x)

    return train, infer


def milliseconds(actions):
    """Medians of two that take turns."""
    times = {name: [] for name in actions}
    end = time.perf_counter() + SECONDS
    for turn in range(TURNS):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - start)
        if turn >= LEAST and time.perf_counter() > end:
            break
    return {name: 1e3 * float(np.median(t)) for name, t in times.items()}


def row(cell, name, levels):
    """One cell of the table, after the two agreed."""
    pair = {who: contender(cell, CASES[name], levels, who == "bptt") for who in ("torch", "bptt")}
    losses = [[train().item() for _ in range(3)] for train, _ in pair.values()]
    apart = float(np.abs(np.subtract(*losses)).max())
    assert apart < 1e-4, (cell, name, levels, losses)
    train, infer = ({who: both[i] for who, both in pair.items()} for i in (0, 1))
    return {
        "cell": cell, "shape": name, "levels": levels, "apart": apart,
        "train": milliseconds(train), "infer": milliseconds(infer),
    }  # fmt: skip


def rows_of(shapes):
    """In a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.accelerate", "--here", *shapes], check=True, capture_output=True, text=True,
        cwd=HERE.parent, env=os.environ | FIXED,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def measure(shapes=()):
    """Measure these shapes, or all, and store them beside what is stored of the others."""
    shapes = shapes or tuple(CASES)
    before = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    kept = [old for old in before if old["shape"] not in shapes and old["shape"] in CASES]
    rows = kept + [row for shape in shapes for row in rows_of([shape])]
    order = list(CASES)
    rows.sort(key=lambda r: (list(GATES).index(r["cell"]), order.index(r["shape"]), r["levels"]))
    sizes = {name: shape._asdict() for name, shape in CASES.items()}
    result = {"threads": THREADS, "shapes": sizes, "rows": rows}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    return result


def main(arguments):
    """The table; with --here the rows themselves."""
    if arguments[:1] == ["--here"]:
        import torch

        torch.set_num_threads(THREADS)
        print(json.dumps([row(cell, s, n) for s in arguments[1:] for cell in GATES for n in LEVELS]))  # fmt: skip
        return
    from benchmarks import tables

    result = measure(tuple(arguments))
    tables.write()
    print(tables.accelerate(result))


if __name__ == "__main__":
    main(sys.argv[1:])
