"""``bptt sweep`` as a user runs it, in an empty directory; most of it in this process, where nothing is imported twice."""

import csv
import json
import subprocess
import sys

import pytest

pytest.importorskip("typer")


from bptt import sweeps
from tests.cli.command import bptt

SMALL = ("--hidden", "8", "--length", "24", "--engine", "threads")


def test_a_grid(tmp_path):
    done = bptt(
        "sweep", "--gain", "0.5:1.5:3", "--seed", "0:1", "--input-variance", "none,1", "--bias", "-1:1:2",
        *SMALL, cwd=tmp_path,
    )  # fmt: skip
    assert "24 points over gain, input_variance, bias, seed" in done.stdout
    assert "24/24" in done.stderr  # the bar
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.sqlite"]
    rows = sweeps.open(tmp_path / "sweep.sqlite").rows()
    assert {row["hidden"] for row in rows} == {8}
    assert {row["input_variance"] for row in rows} == {None, 1.0}
    again = bptt(
        "sweep", "--export", "rows.csv", "--json", cwd=tmp_path
    )  # without axes: all there is
    assert json.loads(again.stdout)["points"] == 24
    with open(tmp_path / "rows.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 24


def test_a_file_and_options_that_go_before_it(tmp_path):
    (tmp_path / "plan.toml").write_text(
        'sample = 9\n[axes]\ngain = "0.5:3"\ncell = ["rnn", "gru"]\n[base]\nhidden = 8\nlength = 24\n'
    )
    done = bptt(
        "sweep", "plan.toml", "--engine", "threads", "--cell", "lstm", "--sample", "5", "--json",
        "--export", "rows.parquet", "--out", "b.sqlite", cwd=tmp_path,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["points"] == 5
    assert told["export"] == "rows.parquet"
    assert {row["cell"] for row in sweeps.open(tmp_path / "b.sqlite").rows()} == {"lstm"}


def test_training_and_failures_are_counted(tmp_path):
    """Nine steps are too few for the digits: that point fails, and the sweep goes on."""
    done = bptt(
        "sweep", "--data", "adding,digits", "--length", "9", "--train-updates", "3", "--lr", "0.01",
        "--hidden", "8", "--engine", "threads", cwd=tmp_path,
    )  # fmt: skip
    assert "failed          1   the first: OptionError" in done.stdout
    rows = sweeps.open(tmp_path / "sweep.sqlite").rows()
    assert {row["data"]: row["solved"] for row in rows} == {"adding": 0, "digits": None}
    assert {row["lr"] for row in rows} == {0.01}


def test_where_no_point_could_be_measured_the_exit_code_says_so(tmp_path):
    small = ("--hidden", "8", "--engine", "threads")
    done = bptt(
        "sweep", "--data", "digits", "--length", "9", "--gain", "1,2", *small, cwd=tmp_path, code=1
    )
    assert "failed          2" in done.stdout
    assert len(sweeps.open(tmp_path / "sweep.sqlite")) == 2


def test_files_are_read_before_anything_runs(tmp_path):
    lines = [
        "run,ax,ay,fell",
        *(f"{s},{s % 3},{t % 2},{s % 2}" for s in range(9) for t in range(5)),
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    small = ("--gain", "1,2", "--hidden", "8", "--batch", "1", "--engine", "threads")
    told = ("--target", "fell", "--sequence", "run", "--inputs", "ax,ay")
    bptt("sweep", "--data", "none.csv", *small, cwd=tmp_path, code=2)
    done = bptt("sweep", "--data", "a.csv", *small, cwd=tmp_path, code=2)
    assert "a.csv: expected a column target" in done.stderr
    assert not (tmp_path / "sweep.sqlite").exists()
    done = bptt("sweep", "--data", "a.csv,noise", *told, *small, cwd=tmp_path)
    assert "a.csv: 9 sequences of 5 steps; inputs: ax, ay; target: fell, 2 classes" in done.stderr
    rows = sweeps.open(tmp_path / "sweep.sqlite").rows()
    assert {row["status"] for row in rows} == {"ok"}
    assert {(row["data"], row["inputs"], row["target"]) for row in rows} == {
        ("a.csv", "ax,ay", "fell"), ("noise", None, None),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "axes: expected at least one field"),
        (("--gain", "x"), "gain: expected a finite number"),
        (("--gain", "0.5:3"), "gain: expected start:stop:count"),
        (("--gain", "1", "--engine", "mars"), "engine: expected one of loky"),
        (("--gain", "1", "--engine", "dask", "--address", "127.0.0.1:9"), "running Dask scheduler"),
        (("none.toml",), "none.toml: expected a TOML file"),
        (("--gain", "1", "--export", "rows.xlsx"), "--export"),
        (("--gain", "1", "--export", "no/rows.csv"), "no/rows.csv: expected a place to write to"),
        (("--export", "rows.csv"), "sweep.sqlite: expected the file of a sweep, got no such file"),
        (("--gain", "1:2", "--sample", "0"), "sample"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, said):
    done = bptt("sweep", *arguments, cwd=tmp_path, code=2)
    assert done.stderr.startswith("bptt: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_summary_needs_no_charts(tmp_path):
    code = (
        "import sys\nsys.argv = ['bptt', 'sweep', '--gain', '0.5:3:3', '--input-variance', '0,1', *sys.argv[1:]]\n"
        "from bptt.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('altair' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *SMALL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "6 points over gain, input_variance" in done.stdout
    assert "λ₁ = 0 at gain" in done.stdout
    assert done.stdout.endswith("False\n")
