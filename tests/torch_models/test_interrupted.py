"""Ctrl-C in the middle of a measurement: it ends at once, and the model and its process are as they were."""

import signal
import subprocess
import sys
from time import clock_gettime

import pytest

pytest.importorskip("torch")

SCRIPT = """
import copy, random, signal, sys, time
import numpy as np, torch, bptt

class Remembers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.hidden = torch.nn.LSTM(8, 64), None
    def forward(self, x):
        out, self.hidden = self.rnn(x)
        return out

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
torch.manual_seed(0)
model, x = Remembers(), torch.randn(800, 64, 8)
model.rnn.weight_hh_l0.grad = torch.ones(256, 64)
before, grad = copy.deepcopy(model.state_dict()), model.rnn.weight_hh_l0.grad
drawn, version = torch.get_rng_state(), model.rnn.weight_hh_l0._version

def update(done, total, note=""):
    if done and not said:
        said.append(True)
        print("WALKS", flush=True)

said = []
from bptt.torch_models import Bounds, diagnose_module
try:
    diagnose_module(model, x, lambda m, x: m(x).square().mean(), bounds=Bounds("all", update=update))
except KeyboardInterrupt:
    weights = model.state_dict()
    assert all(torch.equal(before[name], weights[name]) for name in before)
    assert model.hidden is None
    assert model.rnn.weight_hh_l0.grad is grad and bool((grad == 1).all())
    assert model.rnn.weight_hh_l0._version == version
    assert torch.equal(torch.get_rng_state(), drawn)
    assert not model.rnn._forward_hooks and not model.rnn._forward_pre_hooks
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print(time.process_time(), flush=True)
    model(x[:2]).sum().backward()
    print("AS IT WAS", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process is read")
def test_the_walk_ends_within_a_second_and_the_model_is_as_it_was():
    """Counted in seconds of the process itself: how busy the machine is does not matter."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "WALKS\n", process.stderr.read()
    start = clock_gettime(
        ~process.pid << 3 | 2
    )  # the processor time of a process, see clock_gettime(2)
    process.send_signal(signal.SIGINT)
    end, line = process.stdout.readline(), process.stdout.readline()
    _, error = process.communicate(timeout=60)
    assert line == "AS IT WAS\n", error
    assert process.returncode == 0
    assert float(end) - start < 1
