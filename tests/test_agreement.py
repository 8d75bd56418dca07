"""Reverse mode, forward mode, textbook loops and complex step agree, on networks nobody chose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bptt
from bptt.cells.activations import ACTIVATIONS
from bptt.verification import verify

OWN_PAIR = (np.sin, np.cos)
NOT_ANALYTIC = (lambda z: np.log1p(np.abs(z)) * np.sign(z), lambda z: 1 / (1 + np.abs(z)))


def check(result):
    for row in result.rows:
        assert row.reference < 1e-12, row
        assert row.forward is None or row.forward < 1e-12, row
        assert row.numerical < result.numerical_tolerance, row
    assert result.by_lag < 1e-12
    assert result.agrees


@pytest.mark.parametrize("activation", [*ACTIVATIONS, OWN_PAIR])
@pytest.mark.parametrize(
    ("loss", "loss_at"), [("cross_entropy", "every"), ("mse", "last"), ("mse", [1, 4, 5])]
)
def test_every_activation(activation, loss, loss_at, rng):
    net = bptt.Network.init(
        3, 6, 4, "gaussian", activation=activation, gain=1.3, loss=loss, loss_at=loss_at, rng=rng,
        dtype="float64",
    )  # fmt: skip
    x, h0 = rng.normal(size=(8, 3, 3)), rng.normal(size=(3, 6))
    N = len(net.loss_steps(8))
    targets = (
        rng.integers(4, size=(N, 3)) if loss == "cross_entropy" else rng.normal(size=(N, 3, 4))
    )
    result = verify(net, x, targets, h0)
    assert result.method == "complex step"
    assert result.numerical_tolerance == 1e-12
    check(result)


def test_pair_that_takes_no_complex_numbers(rng):
    net = bptt.Network.init(2, 4, 3, activation=NOT_ANALYTIC, rng=rng, dtype="float64")
    result = verify(net, rng.normal(size=(6, 2, 2)), rng.integers(3, size=(6, 2)))
    assert result.method == "central difference"
    check(result)


@given(
    st.tuples(*[st.integers(1, 7)] * 5),
    st.sampled_from(list(ACTIVATIONS)),
    st.floats(0.1, 3),
    st.integers(0, 2**31),
)
def test_any_size(sizes, activation, gain, seed):
    T, B, I, H, O = sizes
    rng = np.random.default_rng(seed)
    net = bptt.Network.init(
        I, H, O, "gaussian", activation=activation, gain=gain, rng=rng, dtype="float64"
    )
    x, targets = rng.normal(size=(T, B, I)), rng.integers(O, size=(T, B))
    run = net.run(x, targets)
    if run.dh.any():  # one class: the loss is constant and no gradient flows
        check(verify(net, x, targets, rng.normal(size=(B, H)), entries=20))


def test_disagreement_is_found(rng):
    """A wrong derivative must not pass: φ′ off by one part in a million."""
    wrong = (np.tanh, lambda z: (1 - np.tanh(z) ** 2) * (1 + 1e-6))
    net = bptt.Network.init(2, 4, 3, activation=wrong, rng=rng, dtype="float64")
    result = verify(net, rng.normal(size=(6, 2, 2)), rng.integers(3, size=(6, 2)))
    assert not result.agrees


def test_float32_is_measured_against_float64_loops(rng):
    net = bptt.Network.init(3, 8, 4, rng=rng)
    x = rng.normal(size=(10, 2, 3)).astype("float32")
    result = verify(net, x, rng.integers(4, size=(10, 2)))
    assert result.agrees
    assert 1e-9 < result.rows[1].reference < 1e-5  # rounding of float32, neither more nor less
