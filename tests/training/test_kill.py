"""A run that is killed with SIGKILL and resumed ends in the same weights, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from bptt import files

COMMAND = [sys.executable, "-m", "bptt", "train", "--json"]
TEXT = ["--hidden", "32", "--updates", "400", "--checkpoint-every", "20"]
RUNS = {
    "text": TEXT,
    "text, a window, two layers, a schedule": [
        "--hidden", "16", "--layers", "2", "--cell", "gru", "--length", "8", "--window", "20",
        "--batch", "4", "--updates", "400", "--checkpoint-every", "20", "--schedule", "warmup:30+cosine:400",
    ],
    "a task, lengths drawn, rmsprop, early stopping": [
        "--data", "adding", "--length", "20", "--curriculum", "drawn:10:30", "--hidden", "16",
        "--updates", "600", "--checkpoint-every", "20", "--optimizer", "rmsprop", "--evaluate-every",
        "30", "--patience", "15", "--omega", "0.1", "--batch", "8",
    ],
}  # fmt: skip


def run(out, *more):
    done = subprocess.run(
        [*COMMAND, "--out", str(out), *more], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.needs("typer")
@pytest.mark.parametrize("name", RUNS)
def test_kill_and_resume(name, tmp_path):
    options = RUNS[name]
    straight, killed = tmp_path / "straight.safetensors", tmp_path / "killed.safetensors"
    expected = run(straight, *options)
    process = subprocess.Popen(
        [*COMMAND, "--out", str(killed), *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not killed.exists() and process.poll() is None:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    _, notes = files.read_tensors(killed)  # whole, whenever the kill came
    assert 0 < json.loads(notes["run"])["updates"] < expected["updates"]
    assert run(killed, *options, "--resume") == expected | {"out": str(killed)}
    (a, _), (b, _) = files.read_tensors(straight), files.read_tensors(killed)
    assert a.keys() == b.keys()
    for key, value in a.items():
        assert (value == b[key]).all(), key
