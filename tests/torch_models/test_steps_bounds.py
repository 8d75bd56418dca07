"""Memory and time of the walk over a step's calls: blocks give the same numbers, and what is left out is said."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import bptt
from bptt.errors import OptionError
from bptt.torch_models.stepped import measure
from bptt.torch_models.stepped.portion import Sizes
from tests.torch_models import step_models as models
from tests.torch_models.copies_per_call import gradients, whole_loss
from tests.torch_models.step_models import B, I, Looped, T, inputs


def diagnosed(model, x, **options):
    torch.manual_seed(5)
    report = bptt.diagnose(model, x, whole_loss, recurrent="cell", progress=False, **options)
    return report.layers["cell"].profile, report


def model_of(cell):
    torch.manual_seed(1)
    return Looped(cell()) if cell is not models.SelfAttentive else cell()


@pytest.mark.parametrize("cell", [models.NormLSTM, models.SelfAttentive], ids=["rows", "calls"])
def test_blocks_give_the_same_numbers(cell, monkeypatch):
    model, x = model_of(cell), inputs(T, B, I)
    whole, _ = diagnosed(model, x)
    monkeypatch.setattr(Sizes, "rows", 2)
    monkeypatch.setattr(Sizes, "block", 2)
    cut, _ = diagnosed(model, x)
    for of in ("log10_norm", "share", "log10_signal", "gain"):
        np.testing.assert_allclose(getattr(cut, of), getattr(whole, of), rtol=1e-12, atol=1e-12)
    for K in (1, 4, T):
        bias = whole.truncation(K).relative_bias
        assert cut.truncation(K).relative_bias == pytest.approx(bias, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(cut.log10_signal_by_step, whole.log10_signal_by_step, rtol=1e-6)


def test_little_memory_makes_small_blocks_and_less_is_refused():
    model, x = model_of(models.NormLSTM), inputs(T, B, I)
    with pytest.raises(OptionError, match="memory: expected at least"):
        diagnosed(model, x, memory=1e3)
    whole, _ = diagnosed(model, x)
    little, _ = diagnosed(model, x, memory=4e4)
    np.testing.assert_allclose(little.log10_norm, whole.log10_norm, rtol=1e-12)


def test_little_time_leaves_out_loss_steps_and_says_so():
    """Every other loss step is exact: against copies of the step for those that are kept."""

    class Late(Looped):
        def losses(self, x):
            losses = super().losses(x)
            return [E if (T - 1 - t) % 2 == 0 else None for t, E in enumerate(losses)]

    model, x = model_of(models.NormLSTM), inputs(T, B, I)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "rows_of", lambda *_: None)
        patch.setattr(
            Sizes, "seconds_per_error", lambda self: self.allowed / self.pairs([*range(T)]) * 1.5
        )
        profile, report = diagnosed(model, x)
    said = " ".join(report.diagnosis.assumed)
    assert "Of 9 loss steps one in 2, counted from the last, is taken apart by lag." in said
    assert "a pass over the calls gives autograd's gradient" in report.diagnosis.checked[0]
    some = Late(model.cell)
    some.read = model.read
    for name, G in gradients(some, x, model.cell).items():
        norms = np.sqrt(np.square(G).reshape(T, -1).sum(1))
        np.testing.assert_allclose(profile.parameters[name].norm, norms, rtol=1e-10)


def test_all_is_all_whatever_it_takes():
    model, x = model_of(models.NormLSTM), inputs(T, B, I)
    _, report = diagnosed(model, x, sequences="all", seconds=1e-6)
    assert "taken apart by lag" not in " ".join(report.diagnosis.assumed)
