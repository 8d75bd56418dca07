"""Where the time of forward + backward goes, part by part, beside what no arrangement of the loops can do without.

python -m benchmarks.parts       # stored; writes the table into docs/speed.md

Every call of the compiled loops is timed where Python makes it. What is left of the whole are the checks of what comes and
what goes, arrays, and the weights that are laid out for the products. Beside each product stands its floor, its FLOPs over the
speed of a 2048 × 2048 product before and after; beside all of it the time of as many tanh, alone and in cache.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import GATES, SHAPES, Case, inputs
from benchmarks.worker import FIXED, multiplication, product_speed

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "parts.json"
TAKEN = ("S1", "S3", "S4", "S5")
PARTS = ("W_F x", "steps forward", "steps back", "dW", "dx")
FUNCTIONS = {"RNN": 2, "GRU": 3, "LSTM": 6}  # per step and unit, forward and back
SECONDS, LEAST = 1.0, 5


class Timed:
    """The compiled loops, each call of them timed under the name of its part."""

    def __init__(self, loops):
        self.loops, self.spent = loops, dict.fromkeys(PARTS, 0.0)

    def __getattr__(self, name):
        """The loop itself, or the same with a clock."""
        call = getattr(self.loops, name)

        def timed(*arguments):
            start = time.perf_counter()
            answer = call(*arguments)
            part = self.part(name, arguments)
            if part is not None:
                self.spent[part] += time.perf_counter() - start
            return answer

        return timed if callable(call) and not isinstance(call, type) else call

    def part(self, name, arguments):
        """What a call is for, by its name and whether b is added."""
        if name == "affine":
            return "dx" if arguments[2] is None else "W_F x"
        return {"outer": "dW", "forward": "steps forward", "backward": "steps back"}.get(
            name.rsplit("_", 1)[-1]
        )


def row(cell, name):
    """Medians of one cell of the table, ms."""
    import bptt
    from bptt.kernels import compiled_loops

    shape, case = SHAPES[name], Case(cell, SHAPES[name])
    a = inputs(case)
    more = (a["b_Rn"],) if cell == "GRU" else ()
    layer = getattr(bptt, cell)(a["W_F"], a["W_R"], a["b"], *more)
    multiply, plain = multiplication("bptt"), compiled_loops.C
    peaks, turns, end = [product_speed(multiply)], [], time.perf_counter() + SECONDS
    while len(turns) < LEAST or time.perf_counter() < end:
        compiled_loops.C = loops = Timed(plain)
        start = time.perf_counter()
        layer.backward(layer.forward(a["x"]), a["dh"])
        whole = time.perf_counter() - start
        compiled_loops.C = plain
        turns.append([*loops.spent.values(), whole - sum(loops.spent.values()), whole])
    peaks.append(product_speed(multiply))
    ms = 1e3 * np.median(turns[2:], axis=0)
    T, B, I, H = shape
    speed = max(peaks)
    by_inputs, by_states = (2e3 * T * B * GATES[cell] * H * n / speed for n in (I, H))
    floors = (by_inputs, by_states, by_states, by_inputs + by_states, by_inputs)
    return {
        "cell": cell, "shape": name, "ms": dict(zip((*PARTS, "rest", "all"), ms, strict=True)),
        "floor": dict(zip(PARTS, floors, strict=True)), "flop/s": speed,
        "functions": FUNCTIONS[cell] * T * B * H * nanoseconds_of_tanh() / 1e6,
    }  # fmt: skip


def nanoseconds_of_tanh():
    """Of one, on all threads, of numbers that are in cache."""
    from bptt.kernels import compiled_loops

    z = np.random.default_rng(0).standard_normal(1 << 15, "float32")
    out, times = np.empty_like(z), []
    for _ in range(200):
        start = time.perf_counter()
        compiled_loops.C.value(0, z, out)
        times.append(time.perf_counter() - start)
    return 1e9 * float(np.median(times)) / z.size


def measure():
    """All cells, each in a process of its own, stored."""
    rows = []
    for cell in GATES:
        for name in TAKEN:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.parts", cell, name], check=True, capture_output=True, text=True,
                cwd=HERE.parent, env=os.environ | FIXED,
            )  # fmt: skip
            rows.append(json.loads(done.stdout))
    RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(row(*sys.argv[1:])))
    else:
        from benchmarks import tables

        measure()
        tables.write()
        print(tables.parts(json.loads(RESULTS.read_text())))
