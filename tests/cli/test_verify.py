"""``bptt verify`` takes every data its help offers, and networks trained on them or read from PyTorch's files."""

import json

import numpy as np
import pytest

pytest.importorskip("typer")

from typer.testing import CliRunner

import bptt
from bptt import files
from bptt.cli import app
from bptt.data import tasks
from bptt.training import train

SMALL = ("--hidden", "4", "--entries", "10", "--batch", "1")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        return CliRunner().invoke(app, ["verify", *map(str, words)], catch_exceptions=False)

    return invoke


PACKAGED = [
    pytest.param(name, marks=pytest.mark.needs(package))
    for name, package in {"digits": "sklearn", "vowels": "sktime", "acsf1": "sktime"}.items()
]
RULES = [name for name in tasks.NAMES if name != "digits"]


@pytest.mark.parametrize("data", [*RULES, "noise", "text", *PACKAGED])
def test_data(data, run):
    done = run("--data", data, *SMALL)
    assert "They agree, to 1e-12." in done.stdout, done.stdout
    assert done.exit_code == 0


@pytest.mark.parametrize(("data", "steps"), [("adding", 20), ("copy", 20)])
def test_long_sequences_are_cut(data, steps, run):
    assert f"1 sequence of {steps} steps" in run("--data", data, *SMALL).stdout
    assert "1 sequence of 66 steps" in run("--data", "adding", "--length", 66, *SMALL).stdout


def test_a_file_of_sequences(run):
    rng = np.random.default_rng(0)
    np.savez("b.npz", x=rng.normal(size=(30, 12, 3)), targets=rng.integers(0, 2, (30, 12)))
    assert "They agree, to 1e-12." in run("--data", "b.npz", "--time-first", *SMALL).stdout


def test_a_network_trained_on_a_task(run):
    for name in ("adding", "memorisation"):
        task = tasks.load(name, 9)
        network = bptt.Network.init(
            task.inputs,
            4,
            task.outputs,
            loss=task.loss,
            loss_at=task.loss_at,
            rng=0,
            dtype="float64",
        )
        train(network, task, updates=2, checkpoint=f"{name}.safetensors")
        done = run("--model", f"{name}.safetensors", "--json", "--entries", 10)
        assert json.loads(done.stdout)["agrees"]
        assert {row["parameter"] for row in json.loads(done.stdout)["rows"]} >= {"W_R", "W_O"}


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_weights_of_pytorch(cell, gates, run):
    rng = np.random.default_rng(0)
    sizes = {"weight_ih_l0": (5 * gates, 3), "weight_hh_l0": (5 * gates, 5)}
    weights = {f"net.{name}": rng.normal(size=size) / 3 for name, size in sizes.items()}
    files.write_tensors("w.safetensors", weights | {"fc.weight": rng.normal(size=(2, 5))}, {})
    np.savez("b.npz", x=rng.normal(size=(30, 4, 3)), targets=rng.integers(0, 2, 4))
    more = ("--activation", "relu") if cell == "rnn" else ()
    done = run("--model", "w.safetensors", "--data", "b.npz", "--entries", 20, *more)
    assert "They agree, to 1e-12." in done.stdout, done.stdout
    assert "on b.npz, 2 sequences of 20 steps" in done.stdout
