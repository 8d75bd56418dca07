"""What a sweep costs: two workers against one, what shipping a point adds, a thousand points, rows per second of the writer.

python -m benchmarks.sweeps        # prints the tables; some five minutes
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from threadpoolctl import threadpool_limits

import bptt
from bptt.configuration import Configuration
from bptt.sweeps.plan.plan import Plan
from bptt.sweeps.point.point import measured
from bptt.sweeps.running.sweep import run_plan
from bptt.sweeps.store.store import Store

SCALED = Plan(
    {"gain": "0.5:3:40", "seed": "0:4"}, Configuration(hidden=128, length=200, init="gaussian")
)
TINY = Plan({"gain": "0.5:3:200", "seed": "0:4"}, Configuration(hidden=4, length=20))
THOUSAND = Plan(
    {"gain": "0.5:3:20", "input_variance": "0:2:10", "seed": "0:4"},
    Configuration(hidden=64, length=100, init="gaussian"),
)
TURNS = 3
ROWS, AT_ONCE, AT_LEAST = 100_000, (1, 20, 200), 200


def taken(plan, workers, engine="loky"):
    """Seconds from the command to the last row in the file, and the rows."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        rows = run_plan(
            plan, out=Path(folder) / "sweep.sqlite", engine=engine, workers=workers
        ).rows()
        return time.perf_counter() - began, rows


def one_thread(plan):
    """Seconds of one point after the other, on one processor."""
    before = bptt.get_num_threads()
    bptt.set_num_threads(1)
    with threadpool_limits(1):
        began = time.perf_counter()
        for point in plan.points():
            measured(point)
        seconds = time.perf_counter() - began
    bptt.set_num_threads(before)
    return seconds


def scaling():
    """200 points of H = 128, T = 200."""
    points = len(SCALED.points())
    ways = {
        "one worker of one thread": lambda: (one_thread(SCALED), []),
        "one worker of two threads": lambda: taken(SCALED, 1),
        "two workers": lambda: taken(SCALED, 2),
    }
    turns = [{name: way() for name, way in ways.items()} for _ in range(TURNS)]
    seconds = {name: median(turn[name][0] for turn in turns) for name in ways}
    alone = seconds["one worker of one thread"]
    print(
        f"{points} points, H 128, T 200, B 8; median of {TURNS}    s   × one worker of one thread"
    )
    for name, each in seconds.items():
        print(f"{name:40}{each:8.1f}{alone / each:8.2f}")
    work = sum(row["seconds"] for row in turns[-1]["two workers"][1])
    print(f"work per point in two workers: {1e3 * work / points:.0f} ms\n")


def shipping():
    """What a point costs beyond its own work."""
    taken(TINY, 2)  # the workers are there, as in any longer sweep
    seconds, rows = taken(TINY, 2)
    work = sum(row["seconds"] for row in rows)
    over = 1e3 * (2 * seconds - work) / len(rows)
    print(
        f"{len(rows)} points, H 4, T 20: {seconds:.1f} s, {over:.1f} ms of a worker's time beyond the work per point\n"
    )


def thousand():
    """1,000 points of H = 64, T = 100."""
    seconds, rows = taken(THOUSAND, 2)
    per = sum(row["seconds"] for row in rows) / len(rows)
    print(
        f"{len(rows)} points, H 64, T 100, B 8: {seconds:.0f} s; {1e3 * per:.0f} ms of work a point"
    )
    print(f"a million of them: {1e6 * per / 3600:.0f} hours of one processor\n")


def writing():
    """Rows per second of the one writer."""
    row = measured(TINY.points()[0])
    print(f"rows in a transaction   rows per second, up to {ROWS:,} rows in the file")
    for size in AT_ONCE:
        count = max(AT_LEAST * size, ROWS) if size == max(AT_ONCE) else AT_LEAST * size
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            with Store(Path(folder) / "rows.sqlite", write=True) as store:
                for first in range(0, count, size):
                    store.add([row | {"key": f"{row['key']} {first + i}"} for i in range(size)])
            seconds = time.perf_counter() - began
        print(f"{size:21}{count / seconds:12,.0f}")


if __name__ == "__main__":
    scaling()
    shipping()
    thousand()
    writing()
