"""A sweep that is killed, stopped, or out of room: finished rows stay, the same command goes on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("joblib")
pytest.importorskip("psutil")
import psutil

import bptt
from bptt import sweeps
from bptt.configuration import Configuration
from bptt.errors import BpttError

COMMAND = [sys.executable, "-m", "bptt", "sweep"]
# Points that take longer than a signal needs, also on a quiet machine
COUNT = 30
POINTS = ["--gain", "0.5:3:15", "--seed", "0:1", "--hidden", "16", "--length", "120"]


def start(folder, *more, **options):
    return subprocess.Popen(
        [*COMMAND, *POINTS, *more], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def ended(process):
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err
    return process.returncode, out, err


def when_there_are(count, folder):
    """The rows of the file, read while the sweep writes, as soon as there are so many."""
    for _ in range(600):
        try:
            rows = sweeps.open(folder / "sweep.sqlite").rows()
        except BpttError:
            rows = []
        if len(rows) >= count:
            return rows
        time.sleep(0.05)
    raise AssertionError("no rows in half a minute")


# Where it does not matter who measures: processes of their own would import everything anew.
HERE = ("--engine", "threads")


def completed(folder, kept):
    """The same sweep again: all the rows, those that were there untouched, to their seconds."""
    code, out, err = ended(start(folder, "--json", *HERE))
    assert code == 0, err
    assert json.loads(out)["points"] == COUNT
    rows = sweeps.open(folder / "sweep.sqlite").rows()
    assert len(rows) == COUNT
    assert len({(row["gain"], row["seed"]) for row in rows}) == COUNT
    assert rows[: len(kept)] == kept
    assert [path.name for path in folder.iterdir()] == ["sweep.sqlite"]


def test_kill_9_of_the_driver(tmp_path):
    process = start(tmp_path)
    seen = when_there_are(8, tmp_path)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=10)  # a second, where nothing else runs
    assert not alive
    kept = sweeps.open(tmp_path / "sweep.sqlite").rows()
    assert len(kept) < COUNT
    assert kept[: len(seen)] == seen
    completed(tmp_path, kept)


# A transaction whose pages are on their way into the file: no room to hold them, so SQLite writes them at once.
HALF_WRITTEN = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
database.execute("UPDATE points SET horizon = 7, key = key || 'x'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_rows_are_read_though_the_last_write_was_cut_off(tmp_path):
    path = tmp_path / "sweep.sqlite"
    bptt.sweep(
        {"gain": "0.5:3:200"},
        base=Configuration(hidden=4, length=8),
        out=path,
        engine="threads",
    )
    rows = sweeps.open(path).rows()
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(path)], check=False)
    journal = tmp_path / "sweep.sqlite-journal"
    before = path.read_bytes(), journal.read_bytes()
    assert sweeps.open(path).rows() == rows
    assert (
        path.read_bytes(),
        journal.read_bytes(),
    ) == before  # nothing of it is changed by reading
    bptt.sweep(
        {"gain": "0.5:3:200"},
        base=Configuration(hidden=4, length=8),
        out=path,
        engine="threads",
    )
    assert sweeps.open(path).rows() == rows
    assert not journal.exists()


def test_a_driver_that_is_killed_before_its_workers_have_begun(tmp_path):
    """What ends them is there before anything of ours is imported, which takes longer than all else."""
    process = start(tmp_path, "--workers", "2")
    workers = []
    while len(workers) < 2:
        assert process.poll() is None
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if "LokyProcess" in " ".join(child.cmdline())]
    process.kill()
    process.communicate()
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_kill_9_of_a_worker(tmp_path):
    process = start(tmp_path)
    when_there_are(8, tmp_path)
    children = psutil.Process(process.pid).children()
    worker = next(c for c in children if "LokyProcess" in " ".join(c.cmdline()))
    worker.kill()
    code, out, err = ended(process)
    assert code == 0, err
    assert f"{COUNT} points" in out
    assert len(sweeps.open(tmp_path / "sweep.sqlite")) == COUNT


def test_stopped_by_hand(tmp_path):
    # What runs the tests may ignore the signal, and its children would too.
    heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    process = start(tmp_path, start_new_session=True, **heeding)
    when_there_are(8, tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    code, out, _ = ended(process)
    assert code == 130
    assert "the same command goes on" in out
    completed(tmp_path, sweeps.open(tmp_path / "sweep.sqlite").rows())


@pytest.mark.parametrize("engine", ["loky", "threads"])
def test_a_full_disk(tmp_path, engine):
    """No file of this process may grow beyond 30 kB: the system says so as it says that a disk is full."""

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    code, _, err = ended(start(tmp_path, "--engine", engine, preexec_fn=small))
    assert code == 2
    last = err.splitlines()[-1]
    assert last.startswith("bptt: sweep.sqlite: expected room for the rows")
    assert "Finished rows are safe" in last
    kept = sweeps.open(tmp_path / "sweep.sqlite").rows()
    assert 0 < len(kept) < COUNT
    completed(tmp_path, kept)


def test_two_sweeps_at_one_file(tmp_path):
    first = start(tmp_path, *HERE)
    when_there_are(1, tmp_path)
    code, _, err = ended(start(tmp_path, *HERE))
    assert code == 2
    assert err.startswith("bptt: sweep.sqlite: expected a file that no other sweep writes to")
    assert len(err.splitlines()) == 1
    assert ended(first)[0] == 0
    assert len(sweeps.open(tmp_path / "sweep.sqlite")) == COUNT
