"""On PyTorch's threads: the same bits, in a forked process too, and for several callers at once."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("torch")

START = """
import os, sys, numpy as np, torch, bptt
torch.set_num_threads(3)
bptt.set_num_threads(3)
layer = bptt.GRU.init(40, 70, rng=0)
x = np.random.default_rng(0).standard_normal((50, 9, 40), dtype="float32")
bptt.set_num_threads(1)
alone = layer.forward(x).h
bptt.set_num_threads(3)
product = torch.ones(300, 300) @ torch.ones(300, 300)  # PyTorch's threads are there now
threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0
assert np.array_equal(layer.forward(x).h, alone)
"""


def run(script):
    done = subprocess.run(
        [sys.executable, "-c", START + script],
        capture_output=True, text=True, timeout=120, env={**os.environ, "BPTT_NUM_THREADS": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_same_bits_and_no_thread_more():
    run("""
for _ in range(50):
    assert np.array_equal(layer.forward(x).h, alone)
assert not threads or len(os.listdir("/proc/self/task")) <= threads
""")


def test_a_forked_process_does_not_wait_for_threads_that_stayed_behind():
    run("""
child = os.fork()
if child == 0:
    os._exit(0 if all(np.array_equal(layer.forward(x).h, alone) for _ in range(3)) else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(layer.forward(x).h, alone)
""")


def test_many_callers_at_once():
    run("""
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    assert all(np.array_equal(t.h, alone) for t in pool.map(layer.forward, [x] * 40))
""")
