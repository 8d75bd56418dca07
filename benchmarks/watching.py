"""What looking costs: a diagnosis in weight updates of the same model, a monitor in training time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.worker import FIXED, THREADS


def measure():
    """Both, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.watching"]
    home = Path(__file__).parent.parent
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=home, env=os.environ | FIXED
    )
    return json.loads(done.stdout)


def tagger(inputs, hidden, layers):
    """A model with nn.LSTM in it, its loss and its optimizer."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.ModuleDict({"rnn": nn.LSTM(inputs, hidden, layers), "head": nn.Linear(hidden, 10)})

    def loss(model, batch):
        x, y = batch
        return nn.functional.cross_entropy(
            model["head"](model["rnn"](x)[0]).flatten(0, 1), y.flatten()
        )

    def batch(T, B):
        return torch.randn(T, B, inputs), torch.randint(10, (T, B))

    return model, loss, batch, torch.optim.Adam(model.parameters())


def update(model, loss, batch, optimizer):
    """One weight update, with clipping."""
    from torch.nn.utils import clip_grad_norm_

    optimizer.zero_grad()
    loss(model, batch).backward()
    clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def seconds(action):
    """Of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def diagnosing():
    """bptt.diagnose against a weight update: 2-layer nn.LSTM(256), 32 sequences of 100 steps, all lags."""
    import bptt

    model, loss, batch, optimizer = tagger(64, 256, 2)
    data = batch(100, 32)
    updates, diagnoses = [], []
    for turn in range(6):  # in turns; the first does not count
        turns = [seconds(lambda: update(model, loss, data, optimizer)) for _ in range(10)]
        once = seconds(lambda: bptt.diagnose(model, data, loss))
        if turn:
            updates += turns
            diagnoses.append(once)
    ratio = float(np.median(diagnoses) / np.median(updates))
    return {"update_ms": 1e3 * float(np.median(updates)), "diagnose_ms": 1e3 * float(np.median(diagnoses)), "ratio": ratio}  # fmt: skip


def monitoring():
    """Share of the training time, every=200, 8 sequences: nn.LSTM(128), 32 sequences of 100 steps."""
    import bptt

    model, loss, batch, optimizer = tagger(64, 128, 1)
    data, few = batch(100, 32), batch(100, 8)
    monitor = bptt.Monitor(model, few, loss, every=1, log=lambda figures: None)
    updates, looks = [], []
    for turn in range(21):
        updates += [seconds(lambda: update(model, loss, data, optimizer)) for _ in range(10)]
        look = seconds(monitor.step)
        if turn:
            looks.append(look)
    each = float(np.median(looks)) / 200
    once = float(np.median(updates))
    return {"update_ms": 1e3 * once, "measurement_ms": 1e3 * float(np.median(looks)), "share": each / (each + once)}  # fmt: skip


if __name__ == "__main__":
    import torch

    torch.set_num_threads(THREADS)
    print(json.dumps({"diagnosing": diagnosing(), "monitoring": monitoring()}))
