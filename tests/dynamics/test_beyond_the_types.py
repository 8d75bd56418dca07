"""Exponents, products of Jacobians and mean field at the ends of the types: each was once a wrong number."""

import math

import numpy as np
import pytest

import bptt
from bptt.cells import gru, lstm
from bptt.cells.activations import ACTIVATIONS
from bptt.dynamics import (
    critical_gain,
    jacobian_product,
    jacobians,
    lyapunov,
    lyapunov_of,
    mean_field,
)


def held_at(z, W_R, dtype, activation):
    """A layer whose pre-activation is z (H,) at each of four steps."""
    layer = bptt.RNN(
        np.eye(len(z), dtype=dtype), np.asarray(W_R, dtype), np.zeros(len(z), dtype), activation
    )
    x, h = np.zeros((4, 1, len(z)), dtype), np.zeros((1, len(z)), dtype)
    for t in range(4):
        x[t] = np.asarray(z, dtype) - h @ layer.W_R.T
        h = layer.forward(x[: t + 1]).h[-1]
    return layer.forward(x)


@pytest.mark.parametrize(
    ("activation", "z", "log_slope"),
    [
        ("tanh", 400.0, math.log(4) - 800),
        ("logistic", 2000.0, -2000.0),
        ("softsign", 1e30, -60 * math.log(10)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_below_the_type(activation, z, log_slope, dtype):
    trace = held_at([z], [[0.5]], dtype, activation)
    exact = log_slope + math.log(0.5)
    assert lyapunov(trace, skip=0).exponents[0] == pytest.approx(exact, rel=1e-6)
    product = jacobian_product(trace, 3, 4)
    assert product.log10_singular_values()[0, 0] == pytest.approx(4 * exact / math.log(10))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_a_unit_that_sends_nothing_back_has_no_say_in_the_scale(activation, dtype):
    """W_R sends back nothing of unit 0, whose slope is e^2000 of that of unit 1: all of the direction was said to be lost."""
    trace = held_at([900.0, 2900.0], [[0, 0], [0.5, 0.25]], dtype, activation)
    exact = -2900.0 if activation == "logistic" else math.log(4) - 5800
    found = lyapunov(trace, skip=1).exponents
    assert found[0] == pytest.approx(exact + math.log(0.25), rel=1e-6)
    product = jacobian_product(trace, 3, 2).log10_singular_values()[0]
    size = 2 * exact + math.log(0.25) + 0.5 * math.log(0.25 + 0.0625)
    assert product[0] == pytest.approx(size / math.log(10), rel=1e-6)


def test_a_unit_that_is_off_has_no_exponent():
    assert lyapunov(held_at([-1.0], [[0.5]], "float64", "relu"), skip=0).exponents[0] == -np.inf


def test_a_small_entry_that_is_all_that_is_left_later():
    """A direction is divided by its length, not reflected: z is (1e-140, 1), then (1, 1e-131)."""
    z = np.log([[1e-140, 1.0], [1.0, 1e-131]])  # of update gates, at the first step and the second
    layer = bptt.GRU(np.zeros((6, 1)), np.zeros((6, 2)), np.zeros(6), np.zeros(2))
    trace = layer.forward(np.zeros((2, 1, 1)), h0=np.ones((1, 2)))
    trace.saved[:, 0, :2], trace.saved[:, 0, 2:4] = 1.0, np.exp(z)
    exact = np.log([1e-131, 1e-140]) / 2
    found = lyapunov(trace, skip=0).exponents
    assert found[0] == pytest.approx(exact[0], abs=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_at_the_ends_of_the_types(dtype):
    small = {"float32": 1e-36, "float64": 1e-300}[dtype]
    layer = bptt.RNN(
        np.eye(2, dtype=dtype), np.diag(np.array([small, small], dtype)), np.zeros(2, dtype), "identity"
    )  # fmt: skip
    found = lyapunov(layer.forward(np.ones((20, 1, 2), dtype)), skip=0).exponents
    assert found == pytest.approx(np.log([small, small]), rel=1e-6)


@pytest.mark.parametrize("cell", [lstm, gru])
def test_slopes_of_gates_to_their_last_place(cell):
    """1 - g² loses half of the digits of g = 1 - 2000 ε that (1 - g)(1 + g) keeps: two ways to it were then 6e-5 apart."""
    g = (1 - np.arange(1, 5000) * 2.0**-24).astype(np.float32)
    saved = np.ones((4, len(g)), np.float32) * np.float32(0.5)
    saved[2] = g
    zero, layout = np.zeros(len(g), np.float32), saved.reshape(-1)
    states = (zero, zero) if cell is lstm else (zero,)
    factors = cell.linearise(layout, states, states, ACTIVATIONS["tanh"])
    slope = factors[1].reshape(4, -1)[2] if cell is lstm else factors[1]
    exact = 0.5 * (1 - g.astype(float)) * (1 + g.astype(float))
    assert np.abs(slope / exact - 1).max() < 2e-7


@pytest.mark.parametrize("above", [1e-8, 1e-6, 1e-4, 1e-2])
def test_q_near_the_critical_gain(above):
    """tanh(z)² = z² - 2z⁴/3 + …: E = q - 2q² + 17q³/3 - …, so q ≈ ε + O(ε²) where σ_w² = 1 + 2ε."""
    gain = math.sqrt(1 + 2 * above)
    q = mean_field(gain).q
    assert q == pytest.approx(above, rel=3 * above + 1e-6)


def test_q_just_above_the_critical_gain_of_another_activation():
    found = mean_field(1.0002 * critical_gain(0.0, "scaled_tanh"), 0.0, "scaled_tanh")
    assert found.q == pytest.approx(4.5e-4, rel=0.01)  # E = (σ_w A B)² (q - 2B² q² + …)
    assert found.q == pytest.approx(0.0004 / (2 * (2 / 3) ** 2), rel=0.01)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_jacobians_whose_squares_are_beyond_the_type(size):
    exponents = lyapunov_of([size * np.eye(2)] * 5).exponents
    np.testing.assert_allclose(exponents, np.log(size), rtol=1e-15)


@pytest.mark.parametrize("cell", [bptt.LSTM, bptt.GRU])
def test_both_ways_of_adding_rows_agree(cell, monkeypatch, rng):
    """Weights of ordinary size are taken as they are; the way for all others, each row over a power of two, gives the same."""
    trace = cell.init(3, 6, rng=1, dtype="float64").forward(rng.standard_normal((40, 2, 3)))
    sums, add = [], jacobians._sum
    monkeypatch.setattr(jacobians, "_sum", lambda *rows: sums.append(rows) or add(*rows))
    quick, product = lyapunov(trace), jacobian_product(trace, 39, 40)
    assert not sums
    monkeypatch.setattr(jacobians, "ORDINARY", -1)
    slow, other = lyapunov(trace), jacobian_product(trace, 39, 40)
    assert len(sums) == 80
    np.testing.assert_allclose(quick.exponents, slow.exponents, rtol=0, atol=1e-12)
    np.testing.assert_allclose(product.log_scale, other.log_scale, rtol=0, atol=1e-12)
    np.testing.assert_allclose(product.matrix, other.matrix, rtol=0, atol=1e-12)
