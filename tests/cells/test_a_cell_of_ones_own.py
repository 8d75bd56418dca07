"""A new cell is one object: everything that the library measures works on it."""

from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.dynamics import jacobian_product, lyapunov, memory_function
from bptt.errors import OptionError
from bptt.gradients.forward_mode import sensitivities
from bptt.layers import Stack
from tests.cells.minimal_gated_unit import CELL, MinimalGatedUnit
from tests.conftest import relative

I, H, T, B = 3, 4, 9, 2


@pytest.fixture
def layer():
    return MinimalGatedUnit.init(I, H, rng=0, dtype="float64")


@pytest.fixture
def x(rng):
    return rng.normal(size=(T, B, I))


@pytest.fixture
def dh(rng):
    return rng.normal(size=(T, B, H))


def states(p, x, copies=None):
    """The equations once more, for complex numbers; W_R of step s is ``copies[s]``."""
    h, out = np.zeros((x.shape[1], H), complex), []
    for t, x_t in enumerate(x):
        W_R = p["W_R"] if copies is None else copies[t]
        F, R = x_t @ p["W_F"].T + p["b"], h @ W_R.T
        f = 1 / (1 + np.exp(-F[:, :H] - R[:, :H]))
        n = np.tanh(F[:, H:] + (1 - f) * (R[:, H:] + p["b_Rn"]))
        h = (1 - f) * n + f * h
        out.append(h)
    return np.stack(out)


def complex_step(E, value):
    """dE/dvalue, entry by entry."""
    gradient = np.empty(value.shape)
    for place in np.ndindex(value.shape):
        moved = value.astype(complex)
        moved[place] += 1e-30j
        gradient[place] = E(moved).imag / 1e-30
    return gradient


def test_forward_backward_and_forward_mode(layer, x, dh):
    p, trace = layer.parameters(), layer.forward(x)
    assert relative(trace.h[1:], states(p, x).real) < 1e-14
    grads, forward = layer.backward(trace, dh).parameters(), sensitivities(trace, dh)
    for name, value in p.items():

        def E(moved, name=name):
            return (dh * states(p | {name: moved}, x)).sum()

        exact = complex_step(E, value)
        assert relative(grads[name], exact) < 1e-12
        assert relative(forward[name], exact) < 1e-12


def test_every_lag_is_that_of_one_copy_of_the_weights_per_step(layer, x, dh):
    """G_k = Σ_t of ∂E_t/∂(the copy of W_R at step t - k), each by a complex step."""
    p = layer.parameters()
    profile = bptt.by_lag(layer.forward(x), dh, keep_matrices=True)
    G = np.zeros((T, *p["W_R"].shape))
    for s in range(T):
        for place in np.ndindex(p["W_R"].shape):
            copies = [p["W_R"].astype(complex) for _ in range(T)]
            copies[s][place] += 1e-30j
            dE = (dh * states(p, x, copies)).imag.sum((1, 2)) / 1e-30
            for t in range(s, T):
                G[(t - s, *place)] += dE[t]
    for found, exact in zip(profile.matrices[:-1], G[:-1], strict=True):
        assert relative(found, exact) < 1e-12
    assert not profile.matrices[-1].any()  # the first step meets h_0 = 0
    assert profile.carry_gain is not None


def test_everything_else_takes_it(layer, x, dh, rng):
    trace = layer.forward(x)
    assert bptt.by_step(trace, dh).share.sum() == pytest.approx(1)
    whole = bptt.truncated_bptt(trace, dh, 1, T)
    assert relative(whole, layer.backward(trace, dh).dW_R) < 1e-13
    assert relative(layer.backward(layer.forward(x, checkpoint_every=2), dh).dW_R, whole) < 1e-13
    # an error at the last step reaches the first state through the product of Jacobians
    product = jacobian_product(trace, T - 1, T)
    J = product.matrix * np.exp(product.log_scale)[:, None, None]
    last = np.zeros_like(dh)
    last[-1] = dh[-1]
    dh0 = np.einsum("bi,bij->bj", dh[-1], J)
    assert relative(dh0, sensitivities(trace, last)["h0"]) < 1e-12
    assert lyapunov(layer.forward(rng.normal(size=(60, 1, I)))).exponents.max() < 0
    assert memory_function(layer.forward(rng.normal(size=(60, 8, I)))).r2[0] > 0.5


def test_a_missing_recurrent_bias_is_one_clear_error(layer):
    with pytest.raises(OptionError, match=r"^recurrent_biases: expected b_Rn, got 0 arrays"):
        MinimalGatedUnit(layer.W_F, layer.W_R, layer.b)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("candidate", "c"),
        ("carry_gate", "z"),
        ("recurrent_biases", ("n", "z")),
        ("saved", ("n", "a")),
    ],
)
def test_names_that_do_not_fit_are_refused(field, wrong):
    with pytest.raises(OptionError, match=rf"^{field}.*: expected "):
        replace(CELL, **{field: wrong})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scaled_by": {"c": "r"}}, r"scaled_by\['c'\]: expected one of r, z, n"),
        ({"scaled_by": {"n": "c"}}, "saved: expected c, the gate that scales"),
        ({"scaled_by": {}}, "scaled_by: expected scaled_by, through and onward together"),
        ({"onward": None}, "scaled_by: expected scaled_by, through and onward together"),
    ],
)
def test_a_gate_before_the_weights_is_declared_whole(changed, words):
    with pytest.raises(OptionError, match=words):
        replace(bptt.ChoGRU.cell, **changed)


@pytest.mark.needs("rich")
def test_in_stacks_networks_and_a_diagnosis(layer, rng):
    body = Stack([layer, bptt.Bidirectional(bptt.GRU.init(H, 3, rng=1, dtype="float64"),
                                            MinimalGatedUnit.init(H, 3, rng=2, dtype="float64"))])  # fmt: skip
    assert body.names == ["mgu.0", "gru.1.forward", "mgu.1.backward"]
    net = bptt.Network(body, rng.normal(size=(2, 6)), np.zeros(2), loss_at="last")
    x, targets = rng.normal(size=(40, 16, I)), rng.integers(2, size=16)
    report = bptt.diagnose(net, (x, targets), needed_lag=10)
    assert report.layers["mgu.0"].carry_gate == pytest.approx(
        net.run(x, targets).stack_trace.traces[0].gate("f").mean()
    )
    assert report.layers["mgu.0"].profile.residual < 1e-13
    assert "mgu.0" in str(report)
    with pytest.raises(bptt.errors.FileError, match=r"^cell: expected one of rnn, lstm, gru"):
        net.save("model.safetensors")
