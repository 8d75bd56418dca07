"""DistributedDataParallel with an accelerated model: the weights that one process with the whole batch learns."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from tests.nn.two_processes import made, train

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
    reason="needs gloo",
)
def test_two_ranks_learn_what_one_does(tmp_path):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.nn.two_processes", str(rank), tmp_path / "meet", tmp_path / "out.pt"],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for rank in ranks:
        _, errors = rank.communicate(timeout=200)
        assert rank.returncode == 0, errors
    model, batches = made()
    train(model, batches, lambda m, x: m(x).square().mean().backward())
    learnt = torch.load(tmp_path / "out.pt", weights_only=True)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(learnt[name], value, rtol=0, atol=1e-12)
