"""Many small trainings, one process and one thread each, with a bar; and where results are kept."""

import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

RESULTS = Path(__file__).parent / "results"


def one_thread():
    """In a worker: as many processes as cores, so one thread each."""
    import bptt

    bptt.set_num_threads(1)


def in_parallel(function, settings, label):
    """``function(**setting)`` for every setting, in their order; a dict of JSON each."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # read by the workers when they start
    columns = (
        TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn()
    )  # fmt: skip
    results = [None] * len(settings)
    with (
        ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), one_thread) as pool,
        Progress(*columns, console=Console(stderr=True)) as bar,
    ):
        waiting = {pool.submit(function, **setting): n for n, setting in enumerate(settings)}
        task = bar.add_task(label, total=len(settings))
        for future in as_completed(waiting):
            results[waiting[future]] = settings[waiting[future]] | future.result()
            bar.advance(task)
    return results


def store(name, result):
    """Keep a whole result, a line for every network."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    lines = [json.dumps(run, default=float) for run in result["runs"]]
    others = json.dumps(result | {"runs": []}, default=float)
    path.write_text(
        others.replace('"runs": []', '"runs": [\n' + ",\n".join(lines) + "\n]", 1) + "\n"
    )
    return path


def stored(name):
    """A result, or None if the experiment was not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None
