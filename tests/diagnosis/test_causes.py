"""The cause is what the signal met: units that it does not pass decide nothing."""

import re

import numpy as np
import pytest

import bptt

H, T, B = 16, 200, 4


def judged(built, x=None, loss_at="last", needed_lag=None, steps=T):
    rng = np.random.default_rng(1)
    dtype, size = built.dtype, built.hidden
    x = 0.1 * rng.normal(size=(steps, B, built.inputs)) if x is None else x
    net = bptt.Network(
        built, rng.normal(size=(2, size)).astype(dtype), np.zeros(2, dtype), "mse", loss_at
    )
    targets = np.zeros((len(net.loss_steps(len(x))), x.shape[1], 2), dtype)
    report = bptt.diagnose(net, (x.astype(dtype), targets), needed_lag)
    (layer,) = report.layers.values()
    return layer


def plain(W_R, activation="tanh", b=0.0, scale=1.0, dtype="f8"):
    W_F = scale * np.random.default_rng(2).normal(size=(len(W_R), 3))
    b = np.broadcast_to(b, len(W_R))
    return bptt.RNN(*(np.array(a, dtype) for a in (W_F, W_R, b)), activation)


def orthogonal(size=H):
    return np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]


def advised(layer):
    return " ".join(map(str, layer.advice))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_units_that_are_off_do_not_make_a_normal_matrix_transient(activation, dtype):
    """W_R = 1.05 I: half of the units are off, the signal grows 1.05-fold in the others."""
    b = np.where(np.arange(H) < H // 2, -1.0, 0.0)
    layer = judged(plain(1.05 * np.eye(H), activation, b, dtype=dtype))
    assert (layer.verdict, layer.cause.name) == ("exploding", "weights")
    assert layer.cause.number == pytest.approx(np.log(1.05), rel=1e-3)
    assert "spectral radius of 1.05" in layer.cause.sentence
    assert re.search(r"Scale W_R by about 0\.9[56]", advised(layer))
    assert layer.mean_slope < 0.7


@pytest.mark.parametrize("own", [0.0, 1.0, 3.0])
def test_saturated_units_beside_one_that_grows(own):
    """15 units at tanh(5), one that no input moves: it grows 1.1-fold per step."""
    W_R, b = own * np.eye(H), np.full(H, 5.0)
    W_R[-1, -1], b[-1] = 1.1, 0.0
    layer = judged(plain(W_R, b=b, scale=1e-12))
    assert (layer.verdict, layer.cause.name) == ("exploding", "weights")
    assert layer.cause.number == pytest.approx(np.log(1.1), rel=0.02)
    assert layer.saturated > 0.9
    assert "Scale W_R by about 0.91" in advised(layer)


def test_dead_units_beside_those_that_grow():
    b = np.where(np.arange(H) < 12, -50.0, 0.0)
    layer = judged(plain(1.1 * orthogonal(), "identity", b))
    assert layer.cause.name == "weights"
    layer = judged(plain(1.08 * np.eye(H), "relu", b))
    assert (layer.verdict, layer.cause.name) == ("exploding", "weights")


def test_sequences_that_are_saturated_beside_some_that_grow():
    x = 1e-9 * np.random.default_rng(5).normal(size=(100, 6, 3))
    x[:, :3] *= 1e11
    layer = judged(plain(1.2 * np.eye(H)), x)
    assert (layer.verdict, layer.cause.name) == ("exploding", "weights")
    assert 0.4 < layer.saturated < 0.6


def test_a_random_matrix_is_no_transient():
    """Gaussian weights are far from normal, but it is their eigenvalues that grow the signal."""
    W_R = 1.5 * np.random.default_rng(3).normal(size=(64, 64)) / 8
    for activation in ("identity", "relu"):
        layer = judged(plain(W_R, activation), steps=60)
        assert layer.spectrum.departure > 0.5
        assert (layer.verdict, layer.cause.name) == ("exploding", "weights")


def test_a_part_of_a_matrix_that_units_leave_on_is_no_transient():
    """One of three units is off: the two others have an eigenvalue of 2.1, all three 1.3 together."""
    W_R = np.array([[1.6, 0.5, -1.37], [0.5, 1.6, -1.37], [1.0, 1.0, -0.5]])
    layer = judged(plain(W_R, "relu", [0.5, 0.5, -1e9], scale=0.0), steps=16)
    assert layer.spectrum.radius == pytest.approx(1.3, abs=0.01)
    assert layer.profile.gain[-1] == pytest.approx(np.log(2.1))
    assert layer.spectrum.departure > 0.3
    assert (layer.verdict, layer.cause.name) == ("exploding", "weights")


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_a_strictly_triangular_matrix_is_a_transient(activation, turned):
    """Every eigenvalue is 0, and the signal grows more than a hundredfold before it is gone."""
    W_R = np.triu(np.random.default_rng(1).normal(size=(32, 32)), 1)
    Q = orthogonal(32)
    layer = judged(plain(Q @ W_R @ Q.T if turned else W_R, activation, scale=1e-9), steps=60)
    assert (layer.verdict, layer.cause.name) == ("exploding", "non-normal transient")
    assert layer.cause.number == layer.spectrum.peak > 100
    assert "Henrici's departure is 1.00" in layer.cause.sentence
    assert "orthogonal" in advised(layer)


def test_a_transient_beside_an_eigenvalue_above_one():
    """1.01^100 = 2.7 is not the growth of a chain that grows 1.5-fold from unit to unit."""
    size = 60
    W_R = 1.01 * np.eye(size) + np.diag(np.full(size - 1, 1.5), 1)
    layer = judged(plain(W_R, "identity"), steps=60)
    assert layer.cause.name == "non-normal transient"
    assert layer.spectrum.peak is None
    assert "still grows at k = 64, the last power computed" in layer.cause.sentence
    assert "peak" not in layer.cause.sentence


def test_the_slope_along_the_signal_is_the_number_of_saturation():
    """Half of the units are linear and cut off from the loss; the other half works at tanh′(1) = 0.42."""
    b = np.where(np.arange(H) < H // 2, 0.0, 1.0 - np.tanh(1.0))
    layer = plain(np.eye(H), b=b, scale=0.0)
    net = bptt.Network(
        layer, np.r_[np.zeros(H // 2), np.ones(H // 2)][None], np.ones(1), "mse", "last"
    )
    h0 = np.broadcast_to(np.where(b > 0, np.tanh(1.0), 0.0), (B, H))
    report = bptt.diagnose(net, {"x": np.zeros((30, B, 3)), "targets": np.zeros((B, 1)), "h0": h0})
    assert report.cause.name == "saturation"
    assert report.cause.number == pytest.approx(1 - np.tanh(1.0) ** 2, rel=1e-6)
    assert report.layers["rnn.0"].mean_slope == pytest.approx((1 + report.cause.number) / 2)


def gated(kind, carry, gain=0.1, others=0.0, scale=0.3, steps=80):
    net = bptt.Network.init(
        3, H, 2, "orthogonal", cell=kind, gain=gain, loss="mse", loss_at="last", rng=0, dtype="float64"
    )  # fmt: skip
    net.layer.b[:] = others
    net.layer.b[H : 2 * H] = carry
    rng = np.random.default_rng(5)
    x = scale * rng.normal(size=(steps, 4, 3))
    (layer,) = bptt.diagnose(net, (x, rng.normal(size=(4, 2)))).layers.values()
    return layer


@pytest.mark.parametrize("kind", ["lstm", "gru", "cho_gru"])
def test_gates_that_are_shut_beside_those_that_carry(kind):
    """Of 16 units 12 are shut, 4 carry σ(2) = 0.88 per step: the signal goes by these."""
    layer = gated(kind, np.where(np.arange(H) < 12, -30.0, 2.0), steps=160)
    assert (layer.verdict, layer.cause.name) == ("vanishing", "gates closed")
    assert layer.cause.number == pytest.approx(0.88, abs=0.02)
    assert layer.carry_gate == pytest.approx(0.22, abs=0.02)
    assert layer.saturated > 0.15


@pytest.mark.parametrize("kind", ["lstm", "gru", "cho_gru"])
def test_a_way_through_the_weights_is_no_saturation(kind):
    """The carry is shut, its gate saturated; the candidate is in its steep range, and W_R is small."""
    layer = gated(kind, -30.0, gain=0.2)
    assert (layer.verdict, layer.cause.name) == ("vanishing", "weights")
    assert layer.saturated > 0.2


def test_a_cell_state_in_the_flat_range_of_tanh():
    """c grows to 80 and tanh′(80) is 0: nothing gets onto the carry, which is open all the same."""
    net = bptt.Network.init(
        3, H, 2, cell="lstm", loss="mse", loss_at="last", rng=0, dtype="float64"
    )
    net.layer.b[:] = np.repeat([6.0, 8.0, 6.0, 0.0], H)  # i, f, g, o
    layer = bptt.diagnose(net, (np.zeros((80, 2, 3)), np.zeros((2, 2)))).layers["lstm.0"]
    assert (layer.verdict, layer.cause.name) == ("vanishing", "saturation")
    assert "The forget gate is open, f is 1.00" in layer.cause.sentence
    assert "Open the forget gate" not in advised(layer)


def test_an_exploding_gated_cell_is_not_told_of_an_activation():
    layer = gated("lstm", 4.0, gain=12.0, scale=0.01)
    assert (layer.verdict, layer.cause.name) == ("exploding", "weights")
    grown = layer.profile.log10_growth.max() / layer.profile.log10_growth.argmax()
    assert layer.cause.number == pytest.approx(grown * np.log(10))
