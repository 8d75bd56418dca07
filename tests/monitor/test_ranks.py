"""Two processes under gloo: each measures its own half, one dict is logged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")


from bptt.monitor.ranks import reduced


def test_two_processes(tmp_path):
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.monitor.two_processes", str(rank), str(tmp_path)],
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in running:
        said, _ = process.communicate(timeout=200)
        assert process.returncode == 0, said
    lines = [json.loads(text) for text in (tmp_path / "0.jsonl").read_text().splitlines()]
    assert not (tmp_path / "1.jsonl").exists()
    assert [line["step"] for line in lines] == [0, 2, 4]
    failed = lines.pop()
    assert failed["bptt/problem"] == "Rank 1: RuntimeError: this rank alone fails"
    assert failed["bptt/rnn.0/horizon"] > 0  # the other rank's
    refused = [(tmp_path / f"{rank}.txt").read_text() for rank in range(2)]
    assert refused[1].startswith("loss: expected one that can be computed on the monitor's batch")
    assert refused[0].startswith(
        "monitor: expected one that every rank can make, got on rank 1 loss: expected"
    )
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    for line, first, second in zip(lines, *(own[:2] for own in found), strict=True):
        assert line["bptt/ranks"] == 2
        assert first["bptt/loss"] != second["bptt/loss"]  # their own halves
        # The gradient is DDP's, the mean over both: the same on each.
        assert first["bptt/grad_norm_after_clip"] == second["bptt/grad_norm_after_clip"]
        for name in ("bptt/loss", "bptt/rnn.0/horizon", "bptt/rnn.0/rate"):
            assert line[name] == pytest.approx((first[name] + second[name]) / 2)


def test_the_worst_verdict_the_smallest_lag_and_every_problem():
    steady = {"bptt/a/verdict": "steady", "bptt/a/verdict_code": 0, "bptt/a/rate": 1.0}
    gone = {"bptt/a/verdict": "vanishing", "bptt/a/verdict_code": -1, "bptt/a/rate": None}
    more = {
        "bptt/first_nonfinite_lag": 9, "bptt/problem": "loss", "bptt/nonfinite": 0,
        "bptt/first_nonfinite_parameter": None,
    }  # fmt: skip
    less = {
        "bptt/first_nonfinite_lag": 7, "bptt/problem": None, "bptt/nonfinite": 2,
        "bptt/first_nonfinite_parameter": "out.bias",
    }  # fmt: skip
    assert reduced([steady | more, gone | less]) == gone | less | {
        "bptt/a/rate": 1.0, "bptt/problem": "Rank 0: loss", "bptt/ranks": 2,
    }  # fmt: skip
    wild = {"bptt/a/verdict": "exploding", "bptt/a/verdict_code": 1}
    assert reduced([gone, wild, steady])["bptt/a/verdict"] == "exploding"
    assert reduced([gone, wild, steady])["bptt/a/verdict_code"] == 1
