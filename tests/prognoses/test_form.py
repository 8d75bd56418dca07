"""The tangent kernel and what it can express, against slow and obvious ways."""

import numpy as np
import pytest

import bptt
from bptt.layers.stack_errors import immediate_errors
from bptt.prognoses import form as module
from bptt.prognoses.drawn import draw
from bptt.prognoses.form import form, left_out

T, I, H = 9, 2, 4


def network_of(dtype="float64", **body):
    return bptt.Network.init(I, H, 1, loss="mse", loss_at="last", rng=0, dtype=dtype, **body)


def drawn_of(network, x, targets, lag, each=6):
    groups = []
    for first in range(0, x.shape[1], each):
        part = slice(first, first + each)
        run = network.run(x[:, part], targets[part])
        errors = immediate_errors(run.stack_trace, run.dh)
        groups.append([draw(run.stack_trace, errors, lag, np.random.default_rng(0))])
    return groups


@pytest.mark.parametrize(
    "body", [{}, {"cell": "lstm"}, {"cell": "gru"}, {"cell": "lstm", "layers": 2}]
)
@pytest.mark.parametrize("block", [1, 1024 * 1024])
def test_the_kernel_is_that_of_the_gradients_of_single_sequences(body, block, monkeypatch):
    """Each sequence alone, its gradient by lag taken apart and the near lags left out."""
    monkeypatch.setattr(module, "BLOCK", block)
    lag, network = 3, network_of(**body)
    rng = np.random.default_rng(0)
    x, targets = rng.standard_normal((T, 12, I)), rng.standard_normal((12, 1))
    groups = drawn_of(network, x, targets, lag)
    v = rng.standard_normal(groups[0][0].D.shape[1])
    v[:] = 0
    S = network.stack.layers[-1].state_size
    v[-S : len(v) - S + H] = rng.standard_normal(H)
    K = module._kernel(groups, [part[0].t >= 0 for part in groups], v, lag)

    features = []
    for n in range(12):
        trace = network.stack.forward(x[:, n : n + 1])
        dh = np.zeros((T, 1, H))
        dh[-1, 0] = v[-S : len(v) - S + H]
        errors = immediate_errors(trace, dh)
        # the near lags: the same sequence, with nothing from before them
        whole = network.stack.backward(trace, errors).layers
        drawn = draw(trace, errors, lag, np.random.default_rng(0))
        at = drawn.at_weights(drawn.D)
        near = T - lag  # steps from here on are near
        row = []
        for grad, own in zip(whole, at, strict=True):
            row += [
                (grad.dW_R - np.einsum("tbg,tbh->gh", own.dz_R[near:], own.h[near:])).ravel(),
                (grad.dW_F - np.einsum("tbg,tbi->gi", own.dz_F[near:], own.x[near:])).ravel(),
                grad.db - own.dz_F[near:].sum((0, 1)),
            ]
        features.append(np.concatenate(row))
    centred = np.array(features) - np.mean(features, axis=0)
    expected = centred @ centred.T
    K *= expected[0, 0] / K[0, 0]  # it is known up to a factor
    np.testing.assert_allclose(K, expected, atol=1e-12 * np.abs(expected).max())


def test_left_out_is_ridge_regression_with_each_left_out():
    rng = np.random.default_rng(0)
    F, N = rng.standard_normal((20, 3)), 20
    y = F @ np.array([1.0, -1.0, 0.5]) + 0.3 * rng.standard_normal(N)
    K = F @ F.T
    Kc = K - K.mean(0) - K.mean(1)[:, None] + K.mean()
    yc = y - y.mean()
    w = np.linalg.eigvalsh(Kc).sum()
    best = -np.inf
    for strength in module.STRENGTHS:
        lam = strength * w / N
        # the hat matrix of the ridge on centred features, with a constant; the miss of a row that is left out
        hat = Kc @ np.linalg.inv(Kc + lam * np.eye(N)) + 1 / N
        miss = (yc - (hat - 1 / N) @ yc) / (1 - np.diag(hat))
        best = max(best, 1 - (miss**2).sum() / ((yc * N / (N - 1)) ** 2).sum())
    assert left_out(K, y) == pytest.approx(best, abs=1e-9)


def test_each_left_out_means_each_left_out():
    """Fitted anew without the sequence, by least squares on features and a constant."""
    rng = np.random.default_rng(0)
    F = np.concatenate([rng.standard_normal((20, 3)), np.ones((20, 1))], axis=1)
    y = F[:, :3] @ np.array([1.0, -1.0, 0.5]) + 0.3 * rng.standard_normal(20)
    miss, means = [], []
    for n in range(20):
        rest = np.delete(np.arange(20), n)
        w = np.linalg.lstsq(F[rest], y[rest], rcond=None)[0]
        miss.append(y[n] - F[n] @ w)
        means.append(y[n] - y[rest].mean())
    R2 = 1 - np.square(miss).sum() / np.square(means).sum()
    assert left_out(F[:, :3] @ F[:, :3].T, y) == pytest.approx(R2, abs=0.01)


def test_noise_cannot_be_expressed():
    rng = np.random.default_rng(0)
    values = []
    for _ in range(20):
        F = rng.standard_normal((60, 30))
        values.append(left_out(F @ F.T, rng.standard_normal(60)))
    assert np.median(values) < 0.1


def test_what_a_linear_network_cannot_form():
    """relu, all units active: near it a product of two inputs cannot be formed, their sum can."""
    network = network_of(dtype="float32", activation="relu")
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (2, 192)).astype("float32")
    x = np.zeros((T, 192, I), "float32")
    x[2], x[3] = 0.1 * signs[0][:, None], 0.1 * signs[1][:, None]
    network.layer.b[...] = 1
    network.layer.W_R[...] = 0.9 * np.eye(H)
    network.W_O[...] = 1
    total, product = (signs[0] + signs[1])[:, None], (signs[0] * signs[1])[:, None]
    assert form(drawn_of(network, x, total, 4, 32), 4) > 0.9
    assert form(drawn_of(network, x, product, 4, 32), 4) < 0.1


def test_nothing_is_asked_for():
    network = network_of()
    x = np.random.default_rng(0).standard_normal((T, 12, I))
    o = network.run(x, np.zeros((12, 1))).o[0]
    groups = drawn_of(network, x, o + 1e-300, 3)
    assert all(part[0] is None for part in groups) or form(groups, 3) is None


def test_directions_have_no_part_in_what_the_loss_does_not_ask_for(monkeypatch):
    """Where a saturated level sends down 1e-16, a direction's rounding error in the columns of the level below was as much."""
    rng = np.random.default_rng(0)
    layers = [bptt.RNN.init(n, 3, rng=rng, dtype="float64") for n in (I, 3)]
    layers[1].b[...] = 20
    trace = bptt.Stack(layers).forward(rng.standard_normal((T, 12, I)))
    dh, directions, kernel = np.zeros((T, 12, 3)), [], module._kernel

    def recorded(groups, taken, v, lag):
        directions.append(v)
        return kernel(groups, taken, v, lag)

    monkeypatch.setattr(module, "_kernel", recorded)

    def form_of_errors():
        return form([[draw(trace, immediate_errors(trace, dh), 1, np.random.default_rng(0))]], 1)

    dh[-1] = rng.standard_normal((12, 3))
    assert form_of_errors() > 0
    assert not np.array(directions)[:, :3].any()
    dh[-1, :, 2] = 0.7  # the same of all sequences
    directions.clear()
    assert form_of_errors() > 0
    assert not np.array(directions)[:, [0, 1, 2, 5]].any()
    assert np.linalg.norm(directions, axis=1) == pytest.approx(np.ones(len(directions)))
    dh[-1] = 0.7
    assert form_of_errors() is None
