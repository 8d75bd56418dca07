"""Large batches: a diagnosis beside a training step of the same model, in processor time and in memory; and a monitor's share.

python -m benchmarks.large      # measures on one thread, stores the results, writes the table of docs/pytorch.md
python -m benchmarks.large --monitor    # the monitor's share alone, which is stored with the other results
python -m benchmarks.large "LSTM(512), 64 × 10,000" diagnose    # prints one measurement: here the largest batch with the usual bounds
python -m benchmarks.large --largest    # a batch whose training step needs 20 GB, alone too: it takes a quarter of an hour or more
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import tables
from benchmarks.watching import tagger, update

HOME = Path(__file__).parent.parent
ONE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BPTT_NUM_THREADS"), "1"
)
# T, B, hidden units, levels, and what bptt.diagnose is given
CASES = {
    "two-layer LSTM(256), 32 × 100": (100, 32, 256, 2, {}),
    "LSTM(256), 16 × 1,000": (1000, 16, 256, 1, {}),
    "LSTM(128), 8 × 200": (200, 8, 128, 1, {}),
    "LSTM(128), 8 × 2,000": (2000, 8, 128, 1, {}),
    "LSTM(128), 8 × 2,000, max_lag=200": (2000, 8, 128, 1, {"max_lag": 200, "needed_lag": 100}),
}
LARGEST = {
    "LSTM(512), 64 × 1,000": (1000, 64, 512, 1, {}),
    "LSTM(512), 64 × 10,000, memory=8e9, seconds=600": (
        10_000, 64, 512, 1, {"memory": 8e9, "seconds": 600},
    ),
    "LSTM(512), 64 × 10,000": (10_000, 64, 512, 1, {}),
}  # fmt: skip
EVERY, MEASURED = 200, 4  # of the monitor: at updates 0, 200, 400, 600


def peak():
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def spent(action):
    """Processor seconds of this process in a call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def one(name, job):
    """Seconds and bytes of a training step or of a diagnosis, in a process that has done nothing else."""
    import bptt

    T, B, H, levels, given = (CASES | LARGEST)[name]
    model, loss, batch, optimizer = tagger(64, H, levels)
    few, data = batch(20, 2), batch(T, B)
    update(model, loss, few, optimizer)
    bptt.diagnose(model, few, loss)
    before, taken = peak(), ""
    if job == "step":
        update(model, loss, data, optimizer)
        needed = peak() - before
        seconds = float(
            np.median([spent(lambda: update(model, loss, data, optimizer)) for _ in range(3)])
        )
    else:
        start = time.process_time()
        report = bptt.diagnose(model, data, loss, progress=False, **given)
        seconds, needed = time.process_time() - start, peak() - before
        assert all("autograd" in line for line in report.diagnosis.checked), report.diagnosis
        said = [line for line in report.diagnosis.assumed if "are those of" in line]
        taken = said[0].split("are those of ")[1].split(";")[0] if said else "all"
    return {"seconds": seconds, "bytes": needed, "taken": taken}


def monitored(**given):
    """A monitor's part of the time of training an nn.LSTM(128) on 32 sequences of 100 steps."""
    import bptt

    model, loss, batch, optimizer = tagger(64, 128, 1)
    data, few = batch(100, 32), batch(100, 8)
    monitor = bptt.Monitor(model, few, loss, every=1, log=lambda figures: None, **given)
    steps, looks = [], []
    for _ in range(MEASURED):
        looks.append(spent(monitor.step))
        steps += [spent(lambda: update(model, loss, data, optimizer)) for _ in range(EVERY // 4)]
    step, look = float(np.median(steps)), float(np.median(looks))
    return {"step": step, "measurement": look, "share": look / (EVERY * step + look)}


def in_a_process(*arguments):
    """What a process of its own prints."""
    command = [sys.executable, "-m", "benchmarks.large", *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=HOME, env=os.environ | ONE
    )
    return json.loads(done.stdout)


def watched():
    """The shares of a monitor without and with a budget."""
    return {job: in_a_process(job) for job in ("monitor", "monitor with a budget")}


def measured():
    """All of it."""
    rows = {name: {job: in_a_process(name, job) for job in ("step", "diagnose")} for name in CASES}
    return {"rows": rows} | watched()


def largest():
    """A diagnosis that does not fit without bounds, and a training step of a tenth of its steps."""
    tenth, all_of_it, _ = LARGEST
    return {
        "largest": {
            "name": all_of_it,
            "tenth": in_a_process(tenth, "step"),
            "diagnose": in_a_process(all_of_it, "diagnose"),
        }
    }


def stored(result):
    """Store it, and write the table."""
    tables.LARGE.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    tables.write()
    print(tables.large(result))


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    match sys.argv[1:]:
        case []:
            stored(json.loads(tables.LARGE.read_text()) | measured())
        case ["--monitor"]:
            stored(json.loads(tables.LARGE.read_text()) | watched())
        case ["--largest"]:
            stored(json.loads(tables.LARGE.read_text()) | largest())
        case ["monitor"]:
            print(json.dumps(monitored()))
        case ["monitor with a budget"]:
            print(json.dumps(monitored(budget=EVERY * MEASURED)))
        case [name, job]:
            print(json.dumps(one(name, job)))
