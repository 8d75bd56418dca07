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
from benchmarks.worker import FIXED, THREADS, multiplication, product_speed

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "accelerate.json"
CASES = {name: SHAPES[name] for name in ("S1", "S3", "S5", "S4")} | {
    "short": Shape(20, 1, 8, 64), "small": Shape(5, 8, 16, 64), "step": Shape(1, 1, 8, 64),
}  # fmt: skip
CLASSES, LEVELS = 10, (1, 2)
TURNS, SECONDS = 300, 0.5  # of each pair at most; but at least LEAST turns
LEAST = 3


def problem(cell, shape, levels):
    """A model with a head, what it reads, and the classes that it is to say."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.ModuleDict({
        "rnn": getattr(nn, cell)(shape.I, shape.H, levels), "head": nn.Linear(shape.H, CLASSES),
    })  # fmt: skip
    x = torch.randn(shape.T, shape.B, shape.I)
    return model, x, torch.randint(CLASSES, (shape.T * shape.B,))


def contender(cell, shape, levels, accelerated):
    """A training step that returns its loss, and the states alone."""
    import torch
    from torch import nn

    import bptt

    model, x, y = problem(cell, shape, levels)
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


def rest_of_a_step(cell, shape, levels):
    """A training step without the layer, whose outputs and gradients are there: head, loss, their way back, and Adam."""
    import torch
    from torch import nn

    model, x, y = problem(cell, shape, levels)
    outputs = model["rnn"](x)[0].detach().requires_grad_()
    for W in model["rnn"].parameters():
        W.grad = torch.zeros_like(W)
    optimizer = torch.optim.Adam(model.parameters())

    def train():
        outputs.grad = None
        model["head"].zero_grad()
        nn.functional.cross_entropy(model["head"](outputs).flatten(0, 1), y).backward()
        optimizer.step()

    return train


def flops(cell, shape):
    """Of the products of a training step of one layer: W_F x and W_R h, dz W_R, and dW of both; nobody asks for dx."""
    T, B, I, H = shape
    return 2 * T * B * GATES[cell] * H * (2 * I + 3 * H)


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
    train["rest"] = rest_of_a_step(cell, CASES[name], levels)
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
        speed = product_speed(multiplication("bptt"))
        rows = [row(cell, s, n) for s in arguments[1:] for cell in GATES for n in LEVELS]
        print(json.dumps([own | {"flop/s": speed} for own in rows]))
        return
    from benchmarks import tables

    result = measure(tuple(arguments))
    tables.write()
    print(tables.accelerate(result))


if __name__ == "__main__":
    main(sys.argv[1:])
