"""The derived expression, put into numbers, must be what the library measures."""

import numpy as np
import pytest

pytest.importorskip("sympy")

import sympy as sp

import bptt
from bptt.derivation import Derivation
from bptt.derivation.rules import W_R, Matrix, Scalar, derror, dphi
from bptt.errors import OptionError


@pytest.mark.parametrize("form", ["scalar", "matrix"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_checks_itself_against_sympy(form, n):
    assert Derivation(n, form).check() == (n if form == "scalar" else min(n, 5))


def test_deep():
    assert Derivation(30).check() == 30


@pytest.mark.parametrize("n", [1, 2, 4, 7])
def test_scalar_terms_are_the_measured_lags(n):
    """Term of lag k = contribution of lag k to dz_n/dw in a scalar tanh network of n steps."""
    w, rng = 0.8, np.random.default_rng(0)
    layer = bptt.RNN([[1.3]], [[w]], [0.1], "tanh")
    trace = layer.forward(rng.normal(size=(n, 1, 1)), h0=[[0.4]])
    # A loss of slope 1 at z_t of the last step: dh φ′(z) = 1.
    dh = np.zeros((n, 1, 1))
    dh[-1] = 1 / (1 - trace.h[-1] ** 2)
    profile = bptt.by_lag(trace, dh, keep_matrices=True)
    values = {W_R: w}
    for back in range(1, n + 1):
        h, z = trace.h[n - back, 0, 0], trace.z[n - 1 - back, 0, 0]
        values |= {Scalar.at("h", back): h, dphi(Scalar.at("z", back)): 1 - np.tanh(z) ** 2}
    *lags, rest = Derivation(n).terms
    assert [term.lag for term in lags] == list(range(n))
    assert rest.lag is None
    for term, measured in zip(lags, profile.matrices, strict=True):
        value = float(sp.Mul(*term.factors).xreplace(values))
        assert value == pytest.approx(measured[0, 0], rel=1e-13)


def test_matrix_terms_are_the_measured_lags(rng):
    """The same for four units: δz_t of a change of one weight, lag by lag."""
    n, H = 4, 4
    layer = bptt.RNN(rng.normal(size=(H, 2)), rng.normal(size=(H, H)), rng.normal(size=H), "tanh")
    trace = layer.forward(rng.normal(size=(n, 1, 2)), h0=rng.normal(size=(1, H)))
    matrices = {Matrix.W: layer.W_R}
    for back in range(1, n + 1):
        matrices[Matrix.at("h", back)] = trace.h[n - back, 0][:, None]
        matrices[Matrix.at("Φ′", back)] = np.diag(1 - trace.h[n - back, 0] ** 2)
    unit = 2
    dh = np.zeros((n, 1, H))
    dh[-1, 0, unit] = 1 / (1 - trace.h[-1, 0, unit] ** 2)
    measured = bptt.by_lag(trace, dh, keep_matrices=True).matrices
    for i, j in [(0, 0), (2, 1), (3, 3)]:
        change = np.zeros((H, H))
        change[i, j] = 1
        for term, G in zip(Derivation(n, "matrix").terms[:-1], measured, strict=True):
            dz = np.linalg.multi_dot(
                [np.eye(H), *((matrices | {Matrix.dW: change})[f] for f in term.factors)]
            )
            assert dz[unit, 0] == pytest.approx(G[i, j], abs=1e-13)


def test_the_gradient_by_lag_is_the_measured_one(rng):
    """(9), a sum over every loss step, for many units: rows and states in NumPy."""
    T, H, lag = 6, 3, 2
    layer = bptt.RNN(rng.normal(size=(H, 2)), rng.normal(size=(H, H)), rng.normal(size=H), "tanh")
    trace = layer.forward(rng.normal(size=(T, 1, 2)), h0=np.zeros((1, H)))
    dh = rng.normal(size=(T, 1, H))
    found = np.zeros((H, H))
    row, state = Derivation(lag + 1, "matrix").last_lag.factors
    for t in range(lag, T):  # a loss at every step; earlier ones have no step so far back
        values = {Matrix.W: layer.W_R, Matrix().error_row: dh[t] * (1 - trace.h[t + 1] ** 2)}
        for back in range(1, lag + 1):
            values[Matrix.at("Φ′", back)] = np.diag(1 - trace.h[t + 1 - back, 0] ** 2)
        values[Matrix.at("h", lag + 1)] = trace.h[t - lag, 0][:, None]
        product = np.linalg.multi_dot([values[f] for f in row.factors])
        found += product.T @ values[state.factors[0]].T
    measured = bptt.by_lag(trace, dh, keep_matrices=True).matrices[lag]
    np.testing.assert_allclose(found, measured, rtol=1e-12, atol=1e-14)


def test_the_lecture_begins_with_the_error():
    """(4) of one error: ∂E_t/∂z_t times ∂z_t/∂W_R; every equation has a number of its own."""
    equations = Derivation(2).equations
    z = Scalar.at("z", 0)
    assert equations[3].right.function == derror(z) * sp.Derivative(z, W_R)
    assert "(4)  ∂E/∂W_R = Σ_t ∂E_t/∂z_t ∂z_t/∂W_R" in Derivation(2).text()
    assert [e.number for e in equations] == list("1234567")


def test_text_and_latex():
    d = Derivation(3)
    assert "W_R² φ′(z_{t-1}) φ′(z_{t-2}) h_{t-3}" in d.text()
    assert r"W_R^{3} \, \varphi'(z_{t-1}) \, \varphi'(z_{t-2})" in d.latex()
    assert "W_R Φ′_{t-1} W_R Φ′_{t-2} δW_R h_{t-3}" in Derivation(3, "matrix").text()


@pytest.mark.parametrize(
    ("steps", "form"),
    [(0, "scalar"), (51, "scalar"), (2.5, "scalar"), ("3", "matrix"), (2, "tensor")],
)
def test_refused(steps, form):
    with pytest.raises(OptionError, match="expected"):
        Derivation(steps, form)


def test_a_whole_float_counts_steps():
    assert Derivation(3.0).text() == Derivation(3).text()
