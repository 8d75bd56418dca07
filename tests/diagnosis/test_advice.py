"""Advice knows the model: it says numbers that fit it, and nothing that is so already."""

import numpy as np
import pytest

import bptt
from bptt.report.plain_words import meaning

torch = pytest.importorskip("torch")
nn = torch.nn


def advised(report):
    return " ".join(map(str, report.advice))


def module(kind, bias, steps=100, hidden=16):
    """A gated module whose carry gate has this bias, read at the last of so many steps."""
    torch.manual_seed(0)
    model = kind(3, hidden)
    with torch.no_grad():
        model.weight_hh_l0.mul_(0.1)
        for b in (model.bias_ih_l0, model.bias_hh_l0):
            b.zero_()
        model.bias_ih_l0[hidden : 2 * hidden] = bias - 0.25
        model.bias_hh_l0[hidden : 2 * hidden] = 0.25
    x = 0.1 * torch.randn(steps, 4, 3)
    return bptt.diagnose(model, x, lambda m, x: m(x)[0][-1].square().mean())


@pytest.mark.parametrize(
    ("kind", "gate", "name"), [(nn.LSTM, "f", "forget"), (nn.GRU, "z", "update")]
)
def test_the_bias_is_computed_and_set_beside_what_it_is(kind, gate, name):
    """A tenth over 50 steps: 0.1^(1/50) = 0.955, and log(0.955 / 0.045) = 3.05."""
    report = module(kind, 1.0)
    words = report.advice[0].sentence
    assert (report.verdict, report.cause.name) == ("vanishing", "gates closed")
    assert f"Open the {name} gate for this lag" in words
    assert f"draw b_{gate} as ln U(1, 99)" in words
    assert f"To keep a tenth of the signal over 50 steps, {gate} must be 0.955 or more" in words
    assert f"it is 0.73 there, and b_{gate} is 1.00 on average" in words
    assert f"set b_{gate} to 3.05 in every unit" in report.advice[1].sentence


def test_the_bias_that_is_advised_is_enough():
    assert module(nn.LSTM, 3.2).verdict == "steady"


def test_a_gate_that_inputs_close_is_not_told_of_its_bias():
    torch.manual_seed(0)
    model = nn.LSTM(3, 16)
    with torch.no_grad():
        model.bias_ih_l0[16:32], model.bias_hh_l0[16:32] = 3.5, 0.0
        model.weight_ih_l0[16:32] *= 60
    report = bptt.diagnose(model, torch.randn(100, 4, 3), lambda m, x: m(x)[0][-1].square().mean())
    words = report.advice[0].sentence
    assert report.cause.name == "gates closed"
    assert words.startswith("Scale W_F of the forget gate by 0.0")
    assert "its bias would be enough, 3.50 on average. But inputs add" in words


def test_a_layer_is_not_told_to_start_as_it_is():
    orthogonal = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    cases = {
        "tanh, orthogonal": (orthogonal, "scaled_tanh", "orthogonal"),
        "relu, identity": (np.eye(8), "relu", "identity"),
    }
    for W_R, activation, word in cases.values():
        layer = bptt.RNN(np.eye(8), W_R, np.full(8, 0.5), activation)
        net = bptt.Network(layer, np.ones((1, 8)), np.zeros(1), "mse", "last")
        x = np.random.default_rng(0).normal(size=(60, 4, 8))
        report = bptt.diagnose(net, (x, np.zeros((4, 1))))
        assert word not in advised(report)


def test_relu_is_not_told_to_become_relu():
    """Units that are off are to be kept on."""
    W_R = np.linalg.qr(np.random.default_rng(0).normal(size=(32, 32)))[0]
    layer = bptt.RNN(np.random.default_rng(1).normal(size=(32, 3)), W_R, np.zeros(32), "relu")
    net = bptt.Network(layer, np.ones((1, 32)), np.zeros(1), "mse", "last")
    x = np.random.default_rng(2).normal(size=(80, 4, 3))
    report = bptt.diagnose(net, (x, np.zeros((4, 1))))
    assert (report.verdict, report.cause.name) == ("vanishing", "saturation")
    assert "below zero the slope of this activation is almost zero" in report.advice[0].sentence
    assert "with relu" not in advised(report)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_gated_cell_is_not_told_to_become_one(kind):
    assert "gated cell" not in advised(module(kind, 0.0))


def test_weights_of_zero_are_not_told_to_be_scaled():
    layer = bptt.RNN(np.eye(4), np.zeros((4, 4)), np.zeros(4))
    net = bptt.Network(layer, np.ones((1, 4)), np.zeros(1), "mse", "last")
    report = bptt.diagnose(net, (np.ones((20, 2, 4)), np.zeros((2, 1))))
    assert "Scale" not in advised(report)
    assert "nan" not in advised(report)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_backward_direction_read_at_its_own_first_step(kind):
    """out[-1] of a bidirectional layer: the backward half has seen one input."""
    torch.manual_seed(0)
    model = kind(3, 6, bidirectional=True)
    x = torch.randn(20, 4, 3)
    layers = bptt.diagnose(model, x, lambda m, x: m(x)[0][-1].square().mean()).layers
    backward = next(layer for name, layer in layers.items() if name.endswith(".backward"))
    (advice,) = backward.advice
    assert backward.cause.name == "loss out of reach"
    assert "Read this direction at the first step of the sequence" in advice.sentence
    assert "h_n, or out[0, :, H:]" in advice.sentence
    assert "longer" not in advice.sentence

    def read(m, x):
        out = m(x)[0]
        return torch.cat([out[-1, :, :6], out[0, :, 6:]], -1).square().mean()

    assert meaning(backward).startswith(
        "What the backward direction saw 10 steps further on in the sequence has no influence on"
    )
    followed = bptt.diagnose(model, x, read).layers
    assert all(layer.cause.name != "loss out of reach" for layer in followed.values())


def test_a_backward_direction_with_too_short_a_past():
    torch.manual_seed(0)
    model = nn.RNN(3, 6, bidirectional=True)
    layers = bptt.diagnose(
        model, torch.randn(20, 4, 3), lambda m, x: m(x)[0][15].square().mean()
    ).layers
    (advice,) = layers["rnn.0.backward"].advice
    assert "take the loss earlier" in advice.sentence


def test_a_bias_of_nearly_zero_has_no_sign():
    layer = bptt.LSTM.init(3, 8, rng=0, dtype="float64")
    layer.b = np.full_like(layer.b, -1e-4)
    network = bptt.Network(layer, np.ones((1, 8)), np.zeros(1), "mse", loss_at="last")
    x = np.random.default_rng(1).standard_normal((40, 4, 3))
    report = bptt.diagnose(network, (x, np.zeros((4, 1))))
    assert "b_f is 0.00 on average" in report.diagnosis.decisive.advice[0].sentence
