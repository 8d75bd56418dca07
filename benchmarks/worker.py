"""One contender in a process of its own: takes requests, one line of JSON each, and answers so."""

import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import Case, Shape
from benchmarks.contenders import prepare

THREADS = 2
FIXED = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BPTT_NUM_THREADS"), str(THREADS)
)  # the threads of every process that is timed


class Worker:
    """The other end of a pipe.

    Args:
        name: the contender.
        environment: more variables for it.
    """

    def __init__(self, name, **environment):
        if name == "numpy":
            environment["BPTT_KERNELS"] = "numpy"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent,
            env=os.environ | FIXED | {"JAX_PLATFORMS": "cpu"} | environment,
        )  # fmt: skip

    def ask(self, what, **arguments):
        """The answer to a request."""
        self.process.stdin.write(json.dumps({"what": what} | arguments) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with {self.process.wait()}")
        return json.loads(line)

    def __enter__(self):
        """Itself."""
        return self

    def __exit__(self, *_):
        """End the process: nothing more is asked."""
        with self.process:
            self.process.stdin.close()


def timed(job, seconds):
    """Times of calls for that long, at least one; the first calls wake threads and caches and do not count."""
    start = time.perf_counter()
    job()
    once = time.perf_counter() - start
    if once > 4 * seconds:  # so long that what wakes is no part of it
        return [once]
    for _ in range(min(3, int(seconds / 4 / once))):
        job()
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return times


def product_speed(multiply):
    """FLOP/s of the best of some 2048 × 2048 products."""
    times = []
    for _ in range(8):
        start = time.perf_counter()
        multiply()
        times.append(time.perf_counter() - start)
    return 2 * 2048**3 / float(np.median(times))


def multiplication(name):
    """A 2048 × 2048 product in float32, with this contender's library."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), "float32")
    if name == "torch":
        import torch

        b = torch.tensor(a)
        return lambda: b @ b
    if name == "jax":
        import jax

        c, multiply = jax.numpy.asarray(a), jax.jit(lambda m: m @ m)
        return lambda: jax.block_until_ready(multiply(c))
    if name == "numpy":
        return lambda: a @ a
    from bptt import kernels

    return lambda: kernels.affine(a, a)


def resident(field):
    """VmRSS or VmHWM of this process, MB."""
    line = next(
        x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(field)
    )
    return int(line.split()[1]) / 1024


def peak_beyond(job):
    """MB that a call needs beyond what is there before it; its results are part of it."""
    job()  # compiles, and makes what stays for good
    gc.collect()
    if "bptt" in sys.modules:
        from bptt.kernels import pool

        pool.release()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back to the system, for everyone
    Path("/proc/self/clear_refs").write_text("5")  # forgets the largest size so far
    before = resident("VmRSS")
    result = job()
    needed = resident("VmHWM") - before
    del result
    return needed


def main(name):
    """Serve until the pipe is closed."""
    if name == "torch":
        import torch

        torch.set_num_threads(THREADS)
    job = None
    for line in sys.stdin:
        request = json.loads(line)
        what = request["what"]
        answer = None
        if what == "prepare":
            case = Case(request["cell"], Shape(*request["shape"]), request["job"])
            job = prepare(name, case)
        elif what == "answer":
            arrays = (job(keep=True),) if case.job == "by_lag" else job()
            np.savez(request["path"], *map(np.asarray, arrays))
        elif what == "time":
            answer = timed(job, request["seconds"])
        elif what == "product":
            answer = product_speed(multiplication(name))
        elif what == "memory":
            answer = peak_beyond(job)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
