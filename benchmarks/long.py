"""Long sequences: a gradient with and without checkpoints, and the decomposition; memory and time."""

import json
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks.worker import FIXED, resident

GRADIENT = {"T": 1_000_000, "B": 1, "I": 8, "H": 64}
BY_LAG = {"T": 100_000, "B": 1, "I": 8, "H": 64, "max_lag": 200}
EVERY = 1000


def measure():
    """One row per cell and job, each in a process of its own."""
    rows = []
    for job in ("all states kept", "checkpoint_every", "by_lag"):
        for cell in ("RNN", "GRU", "LSTM"):
            command = [sys.executable, "-m", "benchmarks.long", job, cell]
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, env=os.environ | FIXED
            )
            rows.append(json.loads(done.stdout))
    return rows


def main(job, cell):
    """Print one row."""
    import bptt

    sizes = BY_LAG if job == "by_lag" else GRADIENT
    layer = getattr(bptt, cell).init(sizes["I"], sizes["H"], rng=0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((sizes["T"], sizes["B"], sizes["I"]), "float32")
    layer.backward(layer.forward(x[:100]), lambda first, h: h)
    before, start = resident("VmRSS"), time.perf_counter()
    if job == "by_lag":
        dh = rng.standard_normal((sizes["T"], sizes["B"], sizes["H"]), "float32")
        bptt.by_lag(layer.forward(x), dh, max_lag=sizes["max_lag"])
    else:
        every = EVERY if job == "checkpoint_every" else None
        layer.backward(layer.forward(x, checkpoint_every=every), lambda first, h: h)
    seconds = time.perf_counter() - start
    row = {"job": job, "cell": cell, "mb": resident("VmHWM") - before, "seconds": seconds}
    print(json.dumps(row | {"sizes": sizes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
