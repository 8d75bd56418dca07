"""The same bits wherever they are measured: processes, threads, a real Dask cluster, a real Ray."""

import contextlib
import os
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("joblib")
pytest.importorskip("psutil")
import psutil

pytest.importorskip("threadpoolctl")

import threadpoolctl

import bptt
from bptt.configuration import Configuration
from bptt.errors import OptionError
from bptt.sweeps.plan.plan import Point
from bptt.sweeps.point.point import measured
from bptt.sweeps.running import engines
from bptt.sweeps.running.engines import measuring

BASE = Configuration(hidden=32, length=50, init="gaussian")
AXES = {"gain": "0.5:3:4", "input_variance": [0, 0.1, 1], "seed": "0:1"}  # 24 points


def bits(found):
    """All that is measured, to the last bit, every curve by lag too; how long it took is another matter."""
    lags = found.table("lags")
    curves = [np.asarray(lags.values[name]).reshape(len(found), -1) for name in lags.names]
    return [
        repr({k: v for k, v in row.items() if k != "seconds"})
        + repr([c[n].tolist() for c in curves])
        for n, row in enumerate(found.rows())
    ]


def processes():
    """The ids of this process's own workers."""
    children = psutil.Process().children()
    return [child.pid for child in children if "LokyProcess" in " ".join(child.cmdline())]


@pytest.fixture(scope="module")
def one_by_one():
    """The points, measured one after another in this process."""
    return bptt.sweep(AXES, base=BASE, engine="threads", workers=1)


@pytest.fixture(scope="module")
def here(one_by_one):
    """What every engine must find."""
    return bits(one_by_one)


def test_the_rows_are_of_as_many_points(here):
    assert len(set(here)) == 24
    assert not any("failed" in row for row in here)


@pytest.fixture
def two_threads():
    """More than a worker is given, so that what is not put back shows."""
    before = bptt.get_num_threads()
    bptt.set_num_threads(2)
    with threadpoolctl.threadpool_limits(2):
        yield
    bptt.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("workers", [2, 3])
def test_threads(here, workers):
    before = bptt.get_num_threads(), threadpoolctl.threadpool_info()
    assert bits(bptt.sweep(AXES, base=BASE, engine="threads", workers=workers)) == here
    assert (bptt.get_num_threads(), threadpoolctl.threadpool_info()) == before


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_processes(here, workers):
    before = bptt.get_num_threads(), threadpoolctl.threadpool_info()
    assert bits(bptt.sweep(AXES, base=BASE, workers=workers)) == here
    assert (bptt.get_num_threads(), threadpoolctl.threadpool_info()) == before


@pytest.fixture(scope="module")
def dask_cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


def test_a_dask_scheduler_at_its_address(here, dask_cluster):
    address = dask_cluster.scheduler_address
    assert address.startswith("tcp://")
    workers = {worker["id"] for worker in dask_cluster.scheduler_info["workers"].values()}
    assert len(workers) == 2
    assert bits(bptt.sweep(AXES, base=BASE, engine="dask", address=address)) == here


def test_a_dask_worker_that_is_killed(here, dask_cluster):
    """Dask gives its points to others; the row of none is lost."""
    pids, killed = list(dask_cluster.workers.values()), []

    def kill(progress):
        if progress.computed and not killed:
            killed.append(pids[0].pid)
            os.kill(pids[0].pid, 9)

    found = bptt.sweep(
        AXES, base=BASE, engine="dask", address=dask_cluster.scheduler_address, progress=kill
    )
    assert killed
    assert bits(found) == here


def pools():
    """Threads of every library that has some, by its file."""
    return {pool["filepath"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("workers", [1, 2])
def test_ray(here, workers):
    before = bptt.get_num_threads(), pools()
    assert bits(bptt.sweep(AXES, base=BASE, engine="ray", workers=workers)) == here
    assert bptt.get_num_threads() == before[0]
    assert before[1].items() <= pools().items()  # Ray may have loaded a library more


def test_a_process_that_is_killed(here, tmp_path):
    """The sweep goes on with new ones, and what was there is not measured again."""
    killed, kept = [], []

    def kill(progress):
        if progress.computed >= 8 and not killed:
            kept.extend(bptt.sweeps.open(tmp_path / "s.sqlite").rows())
            killed.append(processes()[0])
            os.kill(killed[0], 9)

    found = bptt.sweep(AXES, base=BASE, out=tmp_path / "s.sqlite", workers=2, progress=kill)
    assert killed
    assert len(kept) >= 8
    assert bits(found) == here
    assert all(row in found.rows() for row in kept)  # their seconds are the same


def test_processes_that_die_again_and_again(tmp_path):
    """Rows of 20 s each are never finished, alone neither: it gives up, says so, and blames no point."""
    done = threading.Event()

    def kill():
        while not done.wait(1.0):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                for pid in processes():
                    os.kill(pid, 9)

    killer = threading.Thread(target=kill)
    # the first start of the processes is not to be disturbed
    bptt.sweep({"gain": "1"}, base=Configuration(hidden=4, length=20), workers=2)
    killer.start()
    try:
        with pytest.raises(OptionError, match="3 that died in a row"):
            bptt.sweep(
                {"seed": "0:3"},
                base=Configuration(length=4000, hidden=256),
                out=tmp_path / "s.sqlite",
                workers=2,
            )
    finally:
        done.set()
        killer.join()
    assert not list(tmp_path.iterdir())


GAIN_THAT_KILLS = 1.5


def alone_or_dead(threads, point):
    """What a worker does with a point; one of them it does not survive."""
    if point.setting.gain == GAIN_THAT_KILLS:
        os.kill(os.getpid(), 9)
    return measured(point)


def test_a_point_that_kills_its_worker_is_recorded_and_the_sweep_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_alone", alone_or_dead)
    monkeypatch.setattr(
        sys.modules["bptt.sweeps.running.sweep"], "TOGETHER", 1
    )  # each death takes a start of all processes
    base, out = Configuration(hidden=4, length=20), tmp_path / "s.sqlite"
    gains = [1.0, GAIN_THAT_KILLS, 2.0, 2.5]
    rows = bptt.sweep({"gain": gains}, base=base, out=out, workers=2).rows()
    assert [row["status"] for row in rows] == ["ok", "failed", "ok", "ok"]
    assert rows[1]["error"] == "WorkerDied: a process was killed, or ran out of memory"
    monkeypatch.undo()
    again = bptt.sweep({"gain": gains}, base=base, out=out, engine="threads", retry_failed=True)
    assert again.rows()[1]["status"] == "ok"
    assert [again.rows()[i] for i in (0, 2, 3)] == [rows[i] for i in (0, 2, 3)]


def test_no_more_threads_than_processors():
    from joblib import cpu_count

    seen = []
    with measuring("threads", 1, None) as run:
        seen.append(bptt.get_num_threads())
        (row,) = run([Point(Configuration(hidden=4, length=20))])
        blas = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
        assert {p["num_threads"] for p in blas} == {1}
    with measuring("threads", cpu_count(), None):
        seen.append(bptt.get_num_threads())
    assert row["status"] == "ok"
    assert seen == [cpu_count(), 1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "mars"}, "engine: expected one of loky, threads, dask, ray, got 'mars'"),
        ({"workers": 0}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"address": "tcp://a:1"}, "this engine runs here"),
        ({"engine": "dask", "address": "tcp://127.0.0.1:9"}, "running Dask scheduler"),
        ({"engine": "dask", "address": "no such host"}, "running Dask scheduler"),
        ({"engine": "dask", "address": "tcp://a:x"}, "running Dask scheduler"),
        ({"engine": "ray", "address": "127.0.0.1:9"}, "running Ray scheduler"),
        ({"engine": "ray", "address": "ray://127.0.0.1:9"}, "running Ray scheduler"),
        ({"engine": "dask", "address": "tcp://a:1", "workers": 2}, "a cluster has its own"),
    ],
)
@pytest.mark.timeout(60)  # the libraries themselves wait for minutes
def test_engines_that_are_none(options, said):
    with pytest.raises(OptionError, match=said) as error:
        bptt.sweep({"gain": "1"}, **options)
    assert "\n" not in str(error.value)


def test_the_seeds_are_the_only_difference(one_by_one):
    """Two seeds are two networks: not a row of one is a row of the other."""
    exponents = np.array([row["lyapunov"] for row in one_by_one.rows()]).reshape(4, 3, 2)
    assert (exponents[..., 0] != exponents[..., 1]).all()
