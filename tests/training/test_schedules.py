"""Schedules against PyTorch's, whose learning rate at update n is the factor where lr is 1."""

import pytest

pytest.importorskip("torch")

import torch
from torch.optim import lr_scheduler

from bptt import training
from bptt.errors import OptionError

STEPS = 40
PAIRS = {
    "constant": (training.Constant(), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
    "step": (training.StepDecay(7, 0.3), lambda o: lr_scheduler.StepLR(o, 7, 0.3)),
    "exponential": (training.Exponential(0.9), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    "cosine": (
        training.Cosine(STEPS, 0.05),
        lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.05),
    ),
    "warm-up": (
        training.WarmUp(10),
        lambda o: lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=9),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_as_in_torch(name):
    ours, theirs = PAIRS[name]
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = theirs(optimizer)
    for n in range(STEPS + 1):
        assert ours.factor(n) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12, abs=1e-15)
        optimizer.step()
        scheduler.step()


def test_after_the_warm_up_the_other_starts():
    ours = training.WarmUp(5, training.Cosine(20))
    assert [ours.factor(n) for n in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert [ours.factor(5 + n) for n in range(30)] == [training.Cosine(20).factor(n) for n in range(30)]  # fmt: skip
    assert ours.factor(1000) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: training.StepDecay(0),
        lambda: training.StepDecay(5, 0),
        lambda: training.Exponential(1.1),
        lambda: training.Cosine(0),
        lambda: training.Cosine(5, -0.1),
        lambda: training.WarmUp(0),
        lambda: training.WarmUp(2.5),
        lambda: training.Cosine(2.5),
        lambda: training.StepDecay(2.5),
    ],
)
def test_refused(make):
    with pytest.raises(OptionError, match="expected a"):
        make()
