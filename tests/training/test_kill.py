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
EVERY = ["--checkpoint-every", "20"]
# The network's options, which a resumed run takes from its file, and those of its training.
RUNS = {
    "text": (["--hidden", "32"], ["--updates", "160"]),
    "text, a window, two layers, a schedule": (
        ["--hidden", "16", "--layers", "2", "--cell", "gru"],
        ["--length", "8", "--window", "20", "--batch", "4", "--updates", "200",
         "--schedule", "warmup:30+cosine:200"],
    ),
    "a task, lengths drawn, rmsprop, early stopping": (
        ["--hidden", "16"],
        ["--data", "adding", "--length", "20", "--curriculum", "drawn:10:30", "--updates", "300",
         "--optimizer", "rmsprop", "--evaluate-every", "30", "--patience", "15", "--omega", "0.1",
         "--batch", "8"],
    ),
}  # fmt: skip


def run(out, *more):
    done = subprocess.run(
        [*COMMAND, "--out", str(out), *more], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.needs("typer")
@pytest.mark.parametrize("name", RUNS)
def test_kill_and_resume(name, tmp_path):
    network, options = RUNS[name][0], RUNS[name][1] + EVERY
    straight, killed = tmp_path / "straight.safetensors", tmp_path / "killed.safetensors"
    expected = run(straight, *network, *options)
    process = subprocess.Popen(
        [*COMMAND, "--out", str(killed), *network, *options],
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
