"""Calls are joined by what their states are made of; every lag is autograd's with a copy of the weights per call."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.torch_models.decompose import decompose
from tests.torch_models.stepping import (
    BETWEEN,
    KINDS,
    B,
    D,
    H,
    I,
    Steps,
    T,
    by_copies,
    like,
    state_of,
)


def lags_of(model, x):
    parts = decompose(model, x, lambda model, x: model(x))
    return parts, parts.profiles[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BETWEEN)
def test_cells_in_a_loop(kind, name):
    model, x = Steps(kind, BETWEEN[name]), torch.randn(T, B, I, dtype=D)
    G = by_copies(model, x)
    parts, profile = lags_of(model, x)
    norms = np.linalg.norm(G, axis=(1, 2))
    assert len(profile.norm) <= T
    ours = np.pad(profile.norm, (0, T - len(profile.norm)))
    assert np.allclose(ours, norms, rtol=1e-10, atol=1e-12 * norms.max())
    dW = G.sum(0)
    share = np.einsum("kij,ij->k", G, dW) / np.square(dW).sum()
    assert np.allclose(np.pad(profile.share, (0, T - len(profile.share))), share, atol=1e-10)
    assert any("copy of the weights per call" in sentence for sentence in parts.checked)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["as it is", "mask of episodes", "decay", "layer norm"])
def test_a_module_that_is_called_step_by_step(kind, name):
    def between(self, t, state):
        inner = like(state, [part.squeeze(0) for part in state_of(state)])
        inner = BETWEEN[name](self, t, inner)
        return like(inner, [part[None] for part in state_of(inner)])

    model, x = Steps(kind, between, whole=True), torch.randn(T, B, I, dtype=D)
    norms = np.linalg.norm(by_copies(model, x), axis=(1, 2))
    _, profile = lags_of(model, x)
    ours = np.pad(profile.norm, (0, T - len(profile.norm)))
    assert np.allclose(ours, norms, rtol=1e-10, atol=1e-12 * norms.max())


def test_a_state_of_which_one_part_is_detached():
    def between(self, t, state):
        return state[0], state[1].detach()

    model, x = Steps("LSTM", between), torch.randn(T, B, I, dtype=D)
    norms = np.linalg.norm(by_copies(model, x), axis=(1, 2))
    _, profile = lags_of(model, x)
    assert len(profile.norm) == T
    assert np.allclose(profile.norm, norms, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_shrinks(kind):
    lengths = [8, 8, 5, 3]

    class Shrinking(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.cell = getattr(nn, f"{kind}Cell")(I, H, dtype=D)

        def forward(self, x):
            state, total = None, 0.0
            for t in range(len(x)):
                n = sum(length > t for length in lengths)
                if state is not None:
                    state = like(state, [part[:n] for part in state_of(state)])
                state = self.cell(x[t, :n], state)
                total = total + (state_of(state)[0] ** 2).sum()
            return total

    model, x = Shrinking(), torch.randn(T, 4, I, dtype=D)
    _, profile = lags_of(model, x)
    layer = bptt.from_torch(model.cell)
    trace = layer.forward(x.numpy(), lengths=lengths)
    dh = 2 * trace.h[1:]
    for b, length in enumerate(lengths):
        dh[length:, b] = 0
    expected = bptt.by_lag(trace, dh)
    assert np.allclose(profile.norm, expected.norm, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    "name", ["as it is", "times ones", "clone", "slice", "decay", "swap layers"]
)
def test_chunks_have_the_lags_of_the_whole(kind, layers, name):
    class Chunks(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.rnn = getattr(nn, kind)(I, H, layers, dtype=D)

        def forward(self, x, size=4):
            state, total = None, 0.0
            for part in x.split(size):
                if state is not None and name == "swap layers":
                    state = like(state, [p.flip(0) for p in state_of(state)])
                elif state is not None:
                    state = BETWEEN[name](self, 0, state)
                out, state = self.rnn(part, state)
                total = total + (out**2).sum()
            return total

    model, x = Chunks(), torch.randn(16, B, I, dtype=D)
    parts, _ = lags_of(model, x)
    assert len(parts.profiles) == layers
    assert all(len(profile.norm) == 16 for profile in parts.profiles)
    assert any("3 borders" in s for s in parts.checked)
    if name in ("as it is", "times ones", "clone", "slice"):
        whole = decompose(model, x, lambda model, x: model(x, 16))
        for ours, expected in zip(parts.profiles, whole.profiles, strict=True):
            assert np.allclose(ours.norm, expected.norm, rtol=1e-9)
            assert np.allclose(ours.log10_signal_by_step, expected.log10_signal_by_step, atol=1e-5)
        for ours, expected in zip(parts.by_step, whole.by_step, strict=True):
            assert np.allclose(ours.norm, expected.norm, rtol=1e-9)
            assert np.allclose(ours.total, expected.total, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [0.5, 2.5])
def test_what_lies_between_the_steps_has_a_gain_of_its_own(kind, factor):
    """Each step back passes the factor once: its gain is ln of it, and the growth is that of the signal."""

    def scaled(self, t, state):
        return like(state, [factor * part for part in state_of(state)])

    model, x = Steps(kind, scaled), torch.randn(20, B, I, dtype=D)
    profile = bptt.diagnose(model, x, lambda m, x: m(x)).layers["cell.0"].profile
    assert np.allclose(profile.between_gain, np.log(factor), rtol=1e-10)
    assert len(profile.between_gain) == len(profile.norm) - 1 == 19
    if kind == "RNN":
        parts = profile.weight_gain + profile.activation_gain + profile.between_gain
        assert np.allclose(profile.gain, parts, rtol=1e-12)
    plain = bptt.diagnose(Steps(kind, BETWEEN["as it is"]), x, lambda m, x: m(x)).layers["cell.0"]
    assert plain.profile.between_gain is None


def test_a_decay_between_the_steps_is_named():
    def decays(self, t, state):
        return like(state, [0.3 * part for part in state_of(state)])

    model, x = Steps("GRU", decays), torch.randn(20, B, I, dtype=D)
    with torch.no_grad():
        model.cell.bias_hh[H : 2 * H] = 3.0
    layer = bptt.diagnose(model, x, lambda m, x: m(x), needed_lag=10).layers["cell.0"]
    assert (layer.verdict, layer.cause.name) == ("vanishing", "between the steps")
    assert "by 0.30 per step" in layer.cause.sentence
    assert "of the signal goes by the carry, which passes on 0.9" in layer.cause.sentence
    assert "between the steps" in layer.advice[0].sentence
