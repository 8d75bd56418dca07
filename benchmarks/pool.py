"""The buffer pool against fresh arrays, the same work in turns: python -m benchmarks.pool.

A gradient (forward and backward) of an RNN at the shapes S1 and S3, and a weight update of a text model, each in two
processes, one of which makes every array with NumPy's own allocation. --turns and --seconds set how long it takes.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.cases import SHAPES, Case, inputs
from benchmarks.worker import FIXED, THREADS, timed

JOBS = ("RNN, gradient, S1", "RNN, gradient, S3", "RNN, update on text, T 64, B 32, H 128")
WAYS = ("pool", "fresh arrays")
TURNS, SECONDS = 15, 0.25


def gradient(name):
    """Forward and backward at one of the benchmark's shapes."""
    import bptt

    arrays = inputs(Case("RNN", SHAPES[name]))
    layer = bptt.RNN(arrays["W_F"], arrays["W_R"], arrays["b"])
    x, dh = arrays["x"], arrays["dh"]
    return lambda: layer.backward(layer.forward(x), dh)


def update_on_text():
    """One weight update after another: batch, forward, backward, clipping, Adam."""
    import bptt
    from bptt.data import Text
    from bptt.training import Adam, Constant, source_of
    from bptt.training.checkpoint import Checkpoint
    from bptt.training.states import at_rest
    from bptt.training.update import Update

    text = Text.load()
    size = len(text.characters)
    source, optimiser = source_of(text, length=64, batch=32), Adam(2e-3)
    network = bptt.Network.init(size, 128, size, rng=0)
    update = Update(source, optimiser, Constant(), clip=1.0, omega=0.0, tail=0)
    run = Checkpoint(network, optimiser.state, at_rest(network, source.batch))

    def job():
        update(run, "")
        run.done += 1

    return job


def serve(job, way):
    """A process of its own: a line of seconds whenever it is asked."""
    from bptt.kernels import pool

    if way == "fresh arrays":
        pool.SMALL = sys.maxsize  # no array is large enough for the pool
    work = update_on_text() if "text" in job else gradient(job[-2:])
    work()
    if (pool._pool.bytes > 0) != (way == "pool"):
        raise RuntimeError(f"{way}: {pool._pool.bytes} bytes lie idle in the pool")
    for seconds in sys.stdin:
        print(json.dumps(timed(work, float(seconds))), flush=True)


def measure(job, turns, seconds):
    """Median ms of either way, in turns."""
    processes = {
        way: subprocess.Popen(
            [sys.executable, "-m", "benchmarks.pool", "--serve", job, way], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | FIXED,
            cwd=Path(__file__).parent.parent,
        )
        for way in WAYS
    }  # fmt: skip
    taken = {way: [] for way in WAYS}
    for _ in range(turns):
        for way, process in processes.items():
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{job}, {way}: the process ended with {process.wait()}")
            taken[way] += json.loads(line)
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return {way: 1e3 * median(times) for way, times in taken.items()}


def main(turns, seconds):
    """The table."""
    print(f"float32, {THREADS} threads; ms, median")
    print(f"{'':42}{'pool':>8}{'fresh':>8}{'fresh / pool':>14}")
    for job in JOBS:
        ms = measure(job, turns, seconds)
        pool, fresh = (ms[way] for way in WAYS)
        print(f"{job:42}{pool:8.3f}{fresh:8.3f}{fresh / pool:14.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.pool", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS, help="turns of each process")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a turn")
    parser.add_argument("--serve", nargs=2, metavar=("JOB", "WAY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(*given.serve)
    else:
        main(given.turns, given.seconds)
