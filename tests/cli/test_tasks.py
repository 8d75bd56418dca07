"""Tasks on the command line: the list, and a network measured on one."""

import json

import pytest

pytest.importorskip("typer")


from bptt.cli.tasks import REMEMBERED
from bptt.data.tasks import NAMES, load
from tests.cli.command import bptt

SHORT = ("--updates", "5", "--hidden", "8", "--no-report", "--json")


def test_the_list_has_every_task(tmp_path):
    rows = json.loads(bptt("tasks", "--length", "80", "--json", cwd=tmp_path).stdout)
    assert tuple(row["name"] for row in rows) == NAMES == tuple(REMEMBERED)
    for row in rows:
        task = load(row["name"], 80)
        assert (row["needed_lag"], row["baseline"]) == (task.needed_lag, task.baseline)
        assert row["steps"] == task.steps
    table = bptt("tasks", "--length", "80", cwd=tmp_path).stdout
    assert (
        "adding       two marked numbers          2 40-79 mse, last      0.1667 ≤ 0.0167" in table
    )
    assert max(len(line) for line in table.splitlines()) <= 80


def test_a_task_that_cannot_be_so_short_is_named_below(tmp_path):
    done = bptt("tasks", "--length", "8", cwd=tmp_path).stdout
    table, below = done.split("\norder2: ")
    assert "copy" in table
    assert "a whole number from 10" in below
    rows = json.loads(bptt("tasks", "--length", "8", "--json", cwd=tmp_path).stdout)
    assert {row["name"] for row in rows if "error" in row} == {
        "order2", "order3", "digits", "events",
    }  # fmt: skip
    assert (
        "from 2, got 0. Pass a length of at least 2 for the task adding"
        in bptt("tasks", "--length", "0", cwd=tmp_path, code=2).stderr
    )


@pytest.mark.parametrize("name", NAMES)
def test_diagnose_on_a_task(name, tmp_path):
    task = load(name, 70)
    done = bptt("diagnose", "--data", name, "--length", "70", *SHORT, cwd=tmp_path)
    document = json.loads(done.stdout)
    stage = document["stages"]["after training"]
    assert stage["layers"]["rnn.0"]["needed_lag"] == task.needed_lag
    assert stage["assumed"][0].startswith(f"The task needs lag {task.needed_lag}: ")
    assert document["facts"]["Data"] == f"{name}, length 70"
    assert float(document["facts"]["loss without memory"]) == pytest.approx(task.baseline, rel=1e-3)


def test_noise_needs_no_lag_and_is_never_solved(tmp_path):
    done = bptt("train", "--data", "noise", "--updates", "1", "--hidden", "4", cwd=tmp_path)
    assert "solved" not in done.stdout
    done = bptt("diagnose", "--model", "model.safetensors", "--no-report", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["facts"].keys() == {"Data", "model", "held-out accuracy"}
    assumed = document["stages"]["measured"]["assumed"]
    assert assumed[0] == "Noise needs no lag: 50, half the sequence, is looked at."


def test_a_needed_lag_that_is_given_counts(tmp_path):
    done = bptt("diagnose", "--data", "adding", "--needed-lag", "7", *SHORT, cwd=tmp_path)
    stage = json.loads(done.stdout)["stages"]["after training"]
    assert stage["layers"]["rnn.0"]["needed_lag"] == 7
    assert stage["assumed"][0] == "The task needs lag 7, as you said."


def test_a_saved_network_is_measured_at_the_length_it_was_trained_at(tmp_path):
    bptt(
        "train", "--data", "memorisation", "--length", "12", "--updates", "3", "--hidden", "8",
        "--out", "m.safetensors", cwd=tmp_path,
    )  # fmt: skip
    given = ("diagnose", "--model", "m.safetensors", "--data", "memorisation", "--no-report")
    document = json.loads(bptt(*given, "--json", cwd=tmp_path).stdout)
    assert document["facts"]["Data"] == "memorisation, length 12"
    assert document["stages"]["measured"]["layers"]["rnn.0"]["needed_lag"] == 17
    refused = bptt(*given, "--length", "30", cwd=tmp_path, code=2)
    assert "loss_at" in refused.stderr


def test_a_length_the_task_does_not_have_is_refused(tmp_path):
    done = bptt("diagnose", "--data", "digits", "--length", "9", cwd=tmp_path, code=2)
    assert "a whole number from 64" in done.stderr
