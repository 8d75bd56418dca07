"""A sweep's file of a million rows: writing, opening, choosing, drawing, comparing, and what it takes of the disk and of memory.

python -m benchmarks.sweep_file [ROWS]        # prints the table; some two minutes and 2 GB of disk for a million

The rows are made up: gain by input variance by seed, each measured once and with another exponent in every row. Every
hundredth point has its layer with the curves by lag of 100 lags.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import bptt
from bptt import sweeps
from bptt.configuration import Configuration
from bptt.sweeps.plan.plan import Point
from bptt.sweeps.point.point import measured
from bptt.sweeps.store.store import Store

ROWS, AT_ONCE = 1_000_000, 5_000
ACROSS, UP = 100, 100  # gains and input variances; the rest are seeds
WITH_CURVES = 100  # one point in so many


def written(path, rows):
    """Seconds of the one writer."""
    row = measured(Point(Configuration(init="gaussian", input_variance=0.0)))
    (layer,) = row["by_layer"]
    began = time.perf_counter()
    with Store(path, write=True) as store:
        for first in range(0, rows, AT_ONCE):
            store.add(_row(row, layer, n) for n in range(first, min(rows, first + AT_ONCE)))
    return time.perf_counter() - began


def _row(row, layer, n):
    gain, variance = 0.5 + 2.5 * (n % ACROSS) / ACROSS, 2 * (n // ACROSS % UP) / UP
    made = row | {
        "gain": gain, "input_variance": variance, "seed": n // (ACROSS * UP),
        "lyapunov": gain - 1 - 0.4 * variance + 1e-3 * (n % 7), "by_layer": [layer] if n % WITH_CURVES == 0 else [],
    }  # fmt: skip
    return made | {"key": f"{row['key']} {n}"}


def main(rows):
    """Each step's seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.sqlite"
        seconds = written(path, rows)
        print(f"{rows:,} rows                           seconds")
        print(f"written, {rows / seconds:,.0f} rows per second     {seconds:10.1f}")
        size = os.path.getsize(path)

        def step(label, work):
            began = time.perf_counter()
            result = work()
            print(f"{label:38}{time.perf_counter() - began:10.1f}", flush=True)
            return result

        swept = step("opened", lambda: sweeps.open(path))
        assert len(swept) == rows
        part = step("chosen: one seed", lambda: swept.where(seed=0))
        step("findings, λ₁ = 0 of every row", swept.findings)
        step("drawn as a page of maps", lambda: swept.save(Path(folder) / "map.html"))
        step("drawn as .pdf", lambda: swept.save(Path(folder) / "map.pdf"))
        step("that one seed drawn as .pdf", lambda: part.save(Path(folder) / "part.pdf"))
        step("written as .csv", lambda: swept.save(Path(folder) / "rows.csv"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"file: {size / rows:,.0f} bytes a row; memory at its peak: {peak / 1024:.1f} GB")


if __name__ == "__main__":
    bptt.set_num_threads(1)
    main(int(sys.argv[1]) if sys.argv[1:] else ROWS)
