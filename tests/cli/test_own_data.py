"""A table of one's own, from the first look to a trained network: what was read is said, and every command goes on."""

import json

import numpy as np
import pytest

pytest.importorskip("typer")

from tests.cli.command import bptt

READ = (
    "runs.csv: 30 sequences of 12 steps; inputs: ax, ay; target: fell, 2 classes (no, yes), at the end; "
    "a sequence for each run; left out, for it only counts: step."
)
SAID = ("--data", "runs.csv", "--target", "fell", "--sequence", "run")
CARRIED = "--data runs.csv --target fell --sequence run"


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["run,step,ax,ay,fell"]
    for run in range(30):
        x = rng.normal(size=(12, 2)).round(3)
        x[3, 0] += 4 * (run % 2)
        lines += [f"{run},{t},{x[t, 0]},{x[t, 1]},{['no', 'yes'][run % 2]}" for t in range(12)]
    (tmp_path / "runs.csv").write_text("\n".join(lines))
    return tmp_path


def test_from_a_table_to_a_trained_network(folder):
    small = ("--cell", "lstm", "--hidden", "6")
    done = bptt("diagnose", *SAID, *small, "--updates", "5", "--json", "--no-report", cwd=folder)
    assert done.stderr.splitlines()[0] == READ
    found = json.loads(done.stdout)
    assert found["facts"]["read as"] == READ.removeprefix("runs.csv: ").removesuffix(".")
    assert "left out, for it only counts: step." in json.dumps(found)
    done = bptt(
        "remedies", *SAID, *small, "--only", "chrono", "--budget", "0", "--apply", "--remedy", "chrono",
        "--report", "r.html", cwd=folder,
    )  # fmt: skip
    assert done.stderr.splitlines()[0] == READ
    assert f"next: bptt train --init-from remedied.safetensors {CARRIED}" in done.stdout
    assert "a sequence for each run" in (folder / "r.html").read_text()
    done = bptt("train", "--init-from", "remedied.safetensors", *SAID, "--updates", "5", cwd=folder)
    assert done.stderr.splitlines()[0] == READ
    assert f"next: bptt diagnose --model model.safetensors {CARRIED}" in done.stdout


def test_axes_that_the_file_does_not_tell_are_asked_for_and_carried_on(folder):
    np.savez(
        folder / "a.npz", x=np.random.default_rng(0).normal(size=(9, 9, 2)), y=np.arange(9) % 2
    )
    done = bptt("verify", "--data", "a.npz", cwd=folder, code=2)
    assert done.stderr.endswith("got neither. Pass --batch-first or --time-first.\n")
    done = bptt("train", "--data", "a.npz", "--time-first", "--updates", "2", "--hidden", "4", cwd=folder)  # fmt: skip
    assert "--data a.npz --time-first" in done.stdout
