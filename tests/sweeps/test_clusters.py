"""A Dask cluster whose scheduler dies, whose driver dies, or that has one worker alone."""

import subprocess
import sys
import time

import pytest

pytest.importorskip("distributed", reason="pip install 'bptt[dask]'")

import bptt
from bptt import sweeps
from bptt.configuration import Configuration
from bptt.errors import OptionError

LONG = Configuration(hidden=32, length=400)
AXES = {"gain": "0.5:3:60", "seed": "0:1"}  # 120 points
# Scheduler and worker in one process, which says how many tasks it has, line by line.
CLUSTER = """
from distributed import LocalCluster
import time
cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address='127.0.0.1:0', protocol='tcp')
print(cluster.scheduler_address, flush=True)
while True:
    print(len(cluster.scheduler.tasks), flush=True)
    time.sleep(0.1)
"""
DRIVER = """
import sys, bptt
from bptt.configuration import Configuration
bptt.sweep({"gain": "0.5:3:60", "seed": "0:1"}, base=Configuration(hidden=32, length=400), engine="dask", address=sys.argv[1])
"""


@pytest.fixture
def cluster():
    process = subprocess.Popen([sys.executable, "-c", CLUSTER], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_a_scheduler_that_dies_ends_the_sweep_in_one_error_and_rows_are_kept(tmp_path, cluster):
    address, here = cluster.stdout.readline().strip(), bptt.get_num_threads()

    def kill(progress):
        if progress.computed:
            cluster.kill()

    with pytest.raises(OptionError, match="engine: expected a Dask scheduler that lives"):
        bptt.sweep(AXES, base=LONG, out=tmp_path / "s.sqlite", engine="dask", address=address, progress=kill)  # fmt: skip
    assert 0 < len(sweeps.open(tmp_path / "s.sqlite").rows()) < 120
    assert bptt.get_num_threads() == here  # nothing was measured in this process


def test_the_tasks_of_a_driver_that_was_killed_are_cancelled(cluster):
    address = cluster.stdout.readline().strip()
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, address])
    while int(cluster.stdout.readline()) < 100:
        assert driver.poll() is None
    driver.kill()
    driver.wait()
    began = time.monotonic()
    while int(cluster.stdout.readline()):
        assert time.monotonic() - began < 20  # a second, where nothing else runs


def test_a_ray_that_does_not_start_is_one_error(monkeypatch):
    ray = pytest.importorskip("ray", reason="pip install 'bptt[ray]'")

    def init(*given, **options):
        raise Exception("The current node timed out during startup.\nMore of it.")  # as it does

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(OptionError, match="engine: expected a Ray that starts") as caught:
        bptt.sweep({"gain": [1.0]}, engine="ray", workers=2)
    assert "\n" not in str(caught.value)
