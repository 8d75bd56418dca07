"""A run that is killed with SIGKILL and resumed ends in the same weights, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time

from bptt import files

COMMAND = [sys.executable, "-m", "bptt", "train", "--hidden", "32", "--steps", "400", "--json"]
COMMAND += ["--checkpoint-every", "20"]


def run(out, *more):
    done = subprocess.run(
        [*COMMAND, "--out", str(out), *more], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_kill_and_resume(tmp_path):
    straight, killed = tmp_path / "straight.safetensors", tmp_path / "killed.safetensors"
    expected = run(straight)
    process = subprocess.Popen(
        [*COMMAND, "--out", str(killed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not killed.exists() and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    _, notes = files.read_tensors(killed)  # whole, whenever the kill came
    assert 0 < json.loads(notes["run"])["done"] < 400
    assert run(killed, "--resume")["held_out"] == (expected["held_out"])
    (a, _), (b, _) = files.read_tensors(straight), files.read_tensors(killed)
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert (value == b[name]).all(), name
