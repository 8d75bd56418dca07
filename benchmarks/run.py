"""Measure everything and store it: python -m benchmarks.run (make bench).

Everyone computes the same thing first, and the answers are compared: a wrong answer is not timed. Then each
contender, in a process of its own with the same number of threads, is timed in turns, so that a busy moment
of the machine meets all of them. Medians are kept. The floor is the FLOPs of the matrix products over the
speed of the fastest 2048 × 2048 product that any of them makes on this machine.
"""

import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.progress import Progress

from benchmarks import accelerate, long, parts, tables, watching
from benchmarks.cases import BY_LAG, GATES, SHAPES, Case, Shape
from benchmarks.worker import THREADS, Worker

RIVALS = ("torch", "jax")
EVERYONE = ("bptt", *RIVALS, "numpy")
TURNS, SECONDS = 8, 0.08  # short turns: a busy second of the machine meets everyone
REST = 0.06  # seconds before a turn: OpenBLAS's threads look for work that long, on the next one's processor
GROWTH = {
    "T": [Shape(T, 1, 8, 64) for T in (100, 1_000, 10_000, 30_000)],
    "H": [Shape(100, 32, 64, H) for H in (16, 64, 256, 1024)],
    "B": [Shape(100, B, 64, 128) for B in (1, 8, 64, 512)],
}
NOISE = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # freed memory goes back at once, for everyone


def agree(workers, case):
    """Everyone's answer, compared with ours."""
    ours = None
    with tempfile.TemporaryDirectory() as folder:
        for name, worker in workers.items():
            path = f"{folder}/{name}.npz"
            worker.ask("prepare", **case.to_json())
            worker.ask("answer", path=path)
            with np.load(path) as arrays:
                answer = [arrays[key] for key in arrays.files]
            ours = ours or answer
            for one, other in zip(answer, ours, strict=True):
                difference = np.abs(one - other).max() / np.abs(other).max()
                assert difference < 1e-3, (name, case, difference)


def medians(workers, case, turns=TURNS, seconds=SECONDS):
    """Milliseconds of each, after everyone agreed."""
    agree(workers, case)
    times = {name: [] for name in workers}
    for turn in range(turns):
        for name, worker in workers.items():
            time.sleep(REST)
            times[name] += worker.ask("time", seconds=seconds)
        if turn >= 2 and min(map(np.median, times.values())) > 0.1:  # slow ones need no more
            break
    return {name: 1e3 * float(np.median(t)) for name, t in times.items()}


def memory(workers, case):
    """MB that a call of each needs beyond what is there before it, in processes that give freed memory back at once."""
    for worker in workers.values():
        worker.ask("prepare", **case.to_json())
    return {name: worker.ask("memory") for name, worker in workers.items()}


def machine():
    """What the numbers depend on."""
    from threadpoolctl import threadpool_info

    from bptt import kernels

    blas = next(p for p in threadpool_info() if p["user_api"] == "blas")
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "bptt": f"{version('bptt')}, {kernels.path()}",
        "numpy": f"{version('numpy')}, {blas['internal_api']} {blas['version']} {blas['architecture']}",
        "torch": version("torch"),
        "jax": version("jax"),
    }


def main():
    """All tables, stored at the end."""
    here, began = machine(), time.monotonic()  # what is missing is said before anything is measured
    rows = {"gradient": [], "by_lag": [], "growth": [], "long": []}
    with ExitStack() as stack, Progress() as progress:
        workers = {name: stack.enter_context(Worker(name)) for name in EVERYONE}
        peaks = {name: worker.ask("product") / 1e9 for name, worker in workers.items()}
        ours_and_rivals = {name: workers[name] for name in ("bptt", *RIVALS)}
        frugal = {name: stack.enter_context(Worker(name, **NOISE)) for name in ours_and_rivals}

        def each(cases, title):
            return progress.track(cases, description=title)

        gradients = [(cell, s) for cell in GATES for s in SHAPES]
        for cell, s in each(gradients, "forward + backward"):
            case = Case(cell, SHAPES[s])
            ms = medians(workers, case)
            rows["gradient"].append(
                {
                    "cell": cell,
                    "shape": s,
                    "ms": ms,
                    "mb": memory(frugal, case),
                    "flops": case.flops,
                }
            )
        decompositions = [("RNN", s) for s in BY_LAG] + [(cell, "S1") for cell in ("GRU", "LSTM")]
        for cell, s in each(decompositions, "by lag"):
            case = Case(cell, BY_LAG[s], "by_lag")
            timed = (
                workers if cell == "RNN" else {name: workers[name] for name in ("bptt", "numpy")}
            )
            rows["by_lag"].append(
                {"cell": cell, "shape": s, "ms": medians(timed, case), "flops": case.flops}
            )
        growing = [(cell, axis, s) for cell in GATES for axis, some in GROWTH.items() for s in some]
        for cell, axis, shape in each(growing, "how time grows"):
            ms = medians(ours_and_rivals, Case(cell, shape), turns=1, seconds=0.4)
            rows["growth"].append({"cell": cell, "axis": axis, "shape": shape, "ms": ms})
        peaks |= {name: max(peaks[name], w.ask("product") / 1e9) for name, w in workers.items()}
    rows["long"] = long.measure()
    rows["watching"] = watching.measure()
    result = {
        "threads": THREADS,
        "dtype": "float32",
        "peak_gflops": peaks,
        "machine": here,
        "shapes": {name: shape._asdict() for name, shape in (SHAPES | BY_LAG).items()},
    } | rows
    accelerate.measure()
    parts.measure()
    result["minutes"] = (time.monotonic() - began) / 60
    tables.RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    tables.write()
    print(
        Path(tables.RESULTS).name,
        "written; docs/speed.md and docs/accelerate.md have the tables:\n",
    )
    print(tables.gradient(result))


if __name__ == "__main__":
    main()
