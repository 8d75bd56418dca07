"""Steps of one's own in a model: every lag of every parameter against a copy of the parameters per call."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from docs import own_steps
from torch import nn

from bptt.torch_models import Bounds
from bptt.torch_models.stepped import held, measured, reference
from bptt.torch_models.stepped.by_calls import walk_calls
from bptt.torch_models.stepped.gathered import Gathered
from bptt.torch_models.stepped.held_errors import HeldErrors
from bptt.torch_models.stepped.recording import record
from bptt.torch_models.stepped.rows import rows_of
from tests.torch_models.copies_per_call import gradients, whole_loss
from tests.torch_models.step_cases import CASES, lags, made
from tests.torch_models.step_models import B, D, H, I, Looped, T, inputs


def close(model, x, stepped, path="cell", tolerance=1e-10):
    torch.manual_seed(5)
    expected = gradients(model, x, model.get_submodule(path))
    for name, G in expected.items():
        norms = np.sqrt(np.square(G).reshape(len(G), -1).sum(1))
        dW = G.sum(0)
        ours = stepped.profile.parameters[name]
        K = len(ours.norm)
        np.testing.assert_allclose(
            ours.norm, norms[:K], rtol=tolerance, atol=tolerance * norms.max()
        )
        if np.abs(dW).max() > 0:
            share = (G * dW).reshape(len(G), -1).sum(1) / np.square(dW).sum()
            scale = tolerance * norms.max() / np.linalg.norm(dW)
            np.testing.assert_allclose(ours.share, share[:K], rtol=tolerance, atol=scale)


@pytest.mark.parametrize("name", CASES)
def test_every_lag_of_every_parameter(name):
    model, x = made(name)
    stepped = lags(model, x)
    # snnTorch's spikes are float32, and so are their gradients.
    close(model, x, stepped, tolerance=1e-6 if "spiking" in name else 1e-10)
    assert stepped.in_rows == (CASES[name][1] == "rows")
    assert stepped.steps == len(x)
    assert "autograd's gradient of every parameter" in stepped.checked[0]


def test_the_table_is_what_its_command_prints():
    assert own_steps.table() in own_steps.PAGE.read_text()


@pytest.mark.parametrize(
    "name", ["layer-norm LSTM by hand", "attention and input feeding", "unequal lengths, masked"]
)
def test_both_ways_are_one(name, monkeypatch):
    model, x = made(name)
    fast = lags(model, x)
    monkeypatch.setattr("bptt.torch_models.stepped.measure.rows_of", lambda *_: None)
    slow = lags(model, x)
    assert fast.in_rows
    assert not slow.in_rows
    for of in (
        "log10_norm",
        "share",
        "log10_signal",
        "gain",
        "between_gain",
        "weight_gain",
        "rest_gain",
    ):
        one, other = getattr(fast.profile, of), getattr(slow.profile, of)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=of)
    finite = np.isfinite(fast.profile.log10_signal_by_step)
    assert (finite == np.isfinite(slow.profile.log10_signal_by_step)).all()


@pytest.mark.parametrize("block", [2, T])
def test_parameters_lag_by_lag_are_those_call_by_call(block):
    """Errors of far scales, a few rows at a time, in blocks of loss steps."""
    model, x = made("attention over its own states")

    def far_apart(model, x):
        return sum(E * 1e-90 ** (t % 2) for t, E in enumerate(model.losses(x)))

    with held(model, {"cell": model.cell}):
        recording = record(model, x, far_apart, "cell", model.cell)
        rows = rows_of(recording, 100)
        assert rows is not None
        assert rows.meet
        assert not recording.in_lockstep
        gathered = [Gathered(recording.params, T, T) for _ in range(2)]
        steps = recording.loss_steps
        walk_calls(recording, gathered[0], steps, block)
        walk_calls(recording, gathered[1], steps, block, held=HeldErrors(rows, gathered[1], 4))
    for k in range(T):
        (slow, e_slow), (fast, e_fast) = (each.parts(k) for each in gathered)
        assert slow.keys() == fast.keys()
        for name, G in slow.items():
            scale = np.abs(G).max() or 1.0
            np.testing.assert_allclose(
                np.ldexp(fast[name], e_fast - e_slow) / scale, G / scale, rtol=0, atol=1e-12
            )


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_pytorchs_cells_as_the_exact_way_has_them(kind):
    from bptt.torch_models import diagnose_module

    torch.manual_seed(1)
    model, x = Looped(getattr(nn, f"{kind}Cell")(I, H, dtype=D)), inputs(T, B, I)
    if kind != "LSTM":
        model.first = lambda x: x.new_zeros(B, H)
    (exact,) = (layer.profile for layer in diagnose_module(model, x, whole_loss).layers.values())
    ours = lags(model, x).profile
    assert ours.of == "weight_hh"
    np.testing.assert_allclose(ours.norm, exact.norm, rtol=1e-10)
    np.testing.assert_allclose(ours.share, exact.share, rtol=1e-10, atol=1e-12)
    if kind != "RNN":  # there the signal stands before φ
        np.testing.assert_allclose(ours.log10_signal, exact.log10_signal, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(ours.weight_gain, exact.weight_gain, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(ours.gain, exact.gain, rtol=1e-10, atol=1e-12)
    for K in (1, 3):
        assert ours.truncation(K).relative_bias == pytest.approx(
            exact.truncation(K).relative_bias, rel=1e-9
        )


def test_a_signal_beyond_the_type():
    """Of a decay by 1e-3 per step in float32 nothing would be left after 15 steps."""

    class Decay(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.tensor([1e-3]))

        def forward(self, x, h):
            return self.a * h + x

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = Decay()

        def losses(self, x):
            h = x.new_zeros(1, 1)
            for each in x:
                h = self.cell(each, h)
            return [h.sum()]

    model = Loop()
    for way in ("rows", "calls"):
        with pytest.MonkeyPatch.context() as patch:
            if way == "calls":
                patch.setattr("bptt.torch_models.stepped.measure.rows_of", lambda *_: None)
            profile = lags(model, torch.ones(200, 1, 1)).profile
        np.testing.assert_allclose(profile.log10_signal, -3.0 * np.arange(200), atol=1e-4)
        np.testing.assert_allclose(profile.log10_norm[:199], -3.0 * np.arange(199), atol=1e-3)


@pytest.mark.parametrize("by", [1e-90, 1e90])
@pytest.mark.parametrize("name", ["attention over its own states", "layer-norm LSTM by hand"])
def test_losses_of_sizes_far_apart(name, by):
    """Each loss step's signal is its own, however small beside the others'."""
    model, x = made(name)
    modules = {"cell": model.cell}

    def signals(loss):
        with held(model, modules):
            found = measured(
                model, x, loss, "cell", model.cell, reference(model, x, loss, modules), Bounds()
            )
        return found.profile.log10_signal_by_step

    def far_apart(model, x):
        return sum(E * by ** (t % 2) for t, E in enumerate(model.losses(x)))

    expected = signals(whole_loss)
    expected[1::2] += np.log10(by)
    np.testing.assert_allclose(signals(far_apart), expected, rtol=1e-6, atol=1e-5)


def test_a_part_of_the_lags():
    model, x = made("layer-norm LSTM by hand")
    stepped = lags(model, x, max_lag=3)
    close(model, x, stepped)
    assert len(stepped.profile.norm) == 4
    assert stepped.profile.rest > 0


def test_a_part_of_the_sequences():
    model, x = made("layer-norm LSTM by hand")
    stepped = lags(model, x, sequences=2)
    chosen = np.sort(np.random.default_rng(0).permutation(B)[:2])
    close(model, x[:, chosen], stepped)
    assert "2 of 3 sequences" in stepped.remarks[0]
