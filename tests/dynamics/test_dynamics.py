"""Jacobians, exponents and mean field against closed forms."""

import math

import numpy as np
import pytest

import bptt
from bptt import reference
from bptt.dynamics import (
    critical_gain,
    jacobian,
    jacobian_product,
    lyapunov,
    lyapunov_of,
    mean_field,
)
from bptt.errors import OptionError

KINDS = ["rnn", "lstm", "gru", "cho_gru"]


def driven(kind, rng, T=6, B=2, H=4, **options):
    net = bptt.Network.init(3, H, 2, "gaussian", cell=kind, rng=rng, dtype="float64", **options)
    return net.body.forward(rng.normal(size=(T, B, 3)))


@pytest.mark.parametrize("kind", KINDS)
def test_jacobian_by_complex_step(kind, rng):
    trace = driven(kind, rng)
    part = reference.stacks.Part(kind, trace.layer.parameters())
    for t in (0, 3):
        J = jacobian(trace, t)
        for n in range(2):
            state = np.concatenate([s[t, n] for s in trace.states])
            columns = [
                reference.stacks.step(part, trace.x[t, n], state + 1e-30j * e).imag / 1e-30
                for e in np.eye(len(state))
            ]
            assert np.abs(J[n] - np.array(columns).T).max() < 1e-14


@pytest.mark.parametrize("kind", KINDS)
def test_products_of_jacobians(kind, rng):
    trace = driven(kind, rng)
    found = jacobian_product(trace, 5, 4)
    for n in range(2):
        exact = np.linalg.multi_dot([jacobian(trace, t)[n] for t in (5, 4, 3, 2)])
        assert np.abs(found.matrix[n] * np.exp(found.log_scale[n]) - exact).max() < 1e-14
        values = np.linalg.svd(exact, compute_uv=False)
        assert np.allclose(10 ** found.log10_singular_values()[n][:2], values[:2], rtol=1e-10)


def test_products_beyond_the_range():
    layer = bptt.RNN(np.eye(3), 0.1 * np.eye(3), np.zeros(3), "identity")
    product = jacobian_product(layer.forward(np.zeros((500, 1, 3))), 499, 500)
    assert np.allclose(product.log10_singular_values(), -500, atol=1e-10)


def test_exponents_of_a_linear_network(rng):
    W_R = rng.normal(size=(5, 5)) / 5**0.5
    layer = bptt.RNN(np.eye(5), W_R, np.zeros(5), "identity")
    found = lyapunov(layer.forward(np.zeros((4000, 1, 5))), skip=500)
    exact = np.sort(np.log(np.abs(np.linalg.eigvals(W_R))))[::-1]
    # a pair of complex eigenvalues turns: its two exponents converge like 1/T
    assert np.abs(found.exponents - exact).max() < 2e-3


def test_exponents_of_an_orthogonal_network(rng):
    Q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    layer = bptt.RNN(np.eye(6), 0.9 * Q, np.zeros(6), "identity")
    found = lyapunov(layer.forward(np.zeros((50, 2, 6))))
    assert np.allclose(found.exponents, np.log(0.9), atol=1e-12)
    assert np.allclose(found.stderr, 0, atol=1e-12)
    assert found.steps == 90


def test_newman():
    """Products of i.i.d. Gaussian matrices (Newman 1986): λ_i = ½ [ln(2σ²/N) + ψ((N - i + 1)/2)]."""
    N, sigma, steps = 6, 1.5, 20_000
    rng = np.random.default_rng(0)
    found = lyapunov_of(sigma / N**0.5 * rng.normal(size=(N, N)) for _ in range(steps))

    def digamma(x):
        return -np.euler_gamma + sum(1 / (n + 1) - 1 / (n + x) for n in range(200_000))

    exact = [0.5 * (math.log(2 * sigma**2 / N) + digamma((N - i + 1) / 2)) for i in range(1, N + 1)]
    assert np.abs(found.exponents - exact).max() < 0.02
    assert (np.abs(found.exponents - exact) < 4 * found.stderr).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_signal_decays_at_the_largest_exponent(kind, rng):
    """On a long run the lag signal of one loss falls like e^{λ_1 k}, over [h; c] for the LSTM."""
    T = 3000
    trace = driven(kind, rng, T=T, B=1, H=12, gain=1.5 if kind == "rnn" else 2.5)
    dh = np.zeros((T, 1, 12))
    dh[-1] = rng.normal(size=12)
    signal = bptt.by_lag(trace, dh).log10_signal * np.log(10)
    skip = 200
    slope = (signal[-2] - signal[skip]) / (T - 2 - skip)
    found = lyapunov(trace, count=3, skip=skip)
    assert abs(found.exponents[0] - slope) < found.stderr[0]
    assert found.stderr[0] < 0.02


def test_leading_exponents_are_those_of_the_whole_spectrum(rng):
    trace = driven("gru", rng, T=400, B=2, H=6)
    few, all_of_them = lyapunov(trace, count=2), lyapunov(trace)
    assert np.abs(few.exponents - all_of_them.exponents[:2]).max() < 0.02


def test_a_wide_network_at_the_critical_gain(rng):
    """Mean field: λ_1 ≈ 0 at the critical gain, for inputs of variance 0.1; above 1 by then."""
    H, gain = 400, critical_gain(0.1)
    W_R = gain * rng.normal(size=(H, H)) / H**0.5
    layer = bptt.RNN(np.eye(H), W_R, np.zeros(H))
    trace = layer.forward(0.1**0.5 * rng.normal(size=(400, 1, H)))
    found = lyapunov(trace, count=1, skip=150)
    assert abs(found.exponents[0]) < 0.03  # of order 1/√H at this width
    # At "spectral radius 1" the gradient vanishes, at the rate that the theory gives.
    below = lyapunov(bptt.RNN(np.eye(H), W_R / gain, np.zeros(H)).forward(trace.x), 1)
    rate = mean_field(1.0, 0.1).rate
    assert rate < -0.15
    assert below.exponents[0] == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize(
    ("phi", "gain"), [("relu", 2**0.5), ("leaky_relu", (2 / 1.0001) ** 0.5), ("identity", 1.0)]
)
@pytest.mark.parametrize("variance", [0.0, 0.1])
def test_critical_gain_of_piecewise_linear_units(phi, gain, variance):
    """E[φ′²] does not depend on q: He et al. 2015 for relu."""
    assert critical_gain(variance, phi) == pytest.approx(gain, rel=1e-6)


def test_padded_sequences_are_refused(rng):
    layer = bptt.GRU.init(3, 4, rng=0, dtype="float64")
    trace = layer.forward(rng.normal(size=(40, 2, 3)), lengths=[40, 9])
    with pytest.raises(OptionError, match="trace: expected sequences of one length"):
        lyapunov(trace)
    with pytest.raises(OptionError, match="t: expected a whole number from 0 to 8"):
        jacobian(trace, 9)


@pytest.mark.parametrize(("variance", "gain"), [(0.0, 1.0), (0.1, 1.409), (1.0, 1.856)])
def test_critical_gain(variance, gain):
    assert critical_gain(variance) == pytest.approx(gain, abs=5e-4)


def test_mean_field_of_a_linear_network():
    found = mean_field(0.8, 0.5, "identity")
    assert found.q == pytest.approx(0.5 / (1 - 0.64))
    assert found.rate == pytest.approx(np.log(0.8))


def test_curse_of_memory(rng):
    """h_t = λ h_{t-1} + x_t, white x: E[(∂h/∂λ)²] = (1 + λ²)/(1 - λ²)³ (Zucchet & Orvieto 2024)."""
    lam, T, B = 0.8, 120, 4000
    layer = bptt.RNN([[1.0]], [[lam]], [0.0], "identity")
    trace = layer.forward(rng.normal(size=(T, B, 1)))
    # ∂h_T/∂λ = Σ_k λ^k h_{T-1-k}, sequence by sequence
    sensitivity = sum(lam**k * trace.h[T - 1 - k, :, 0] for k in range(T))
    dh = np.zeros((T, B, 1))
    dh[-1] = 1
    assert bptt.by_lag(trace, dh).dW_R[0, 0] == pytest.approx(sensitivity.sum(), rel=1e-10)
    exact = (1 + lam**2) / (1 - lam**2) ** 3
    assert np.mean(sensitivity**2) == pytest.approx(exact, rel=4 * (2 / B) ** 0.5)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (lambda t: jacobian(t, 6), "t"),
        (lambda t: jacobian_product(t, 3, 5), "k"),
        (lambda t: lyapunov(t, count=0), "count"),
        (lambda t: lyapunov(t, count=9), "count"),
        (lambda t: lyapunov(t, skip=6), "skip"),
        (lambda t: lyapunov_of([np.eye(2)], skip=1), "jacobians"),
        (lambda t: mean_field(-1), "gain"),
        (lambda t: mean_field(1, float("nan")), "input_variance"),
        (lambda t: critical_gain(float("nan")), "input_variance"),
        (lambda t: critical_gain(1.0, (lambda z: 0 * z, lambda z: 0 * z)), "phi"),
    ],
)
def test_refused(rng, action, name):
    with pytest.raises(OptionError, match=f"^{name}: expected"):
        action(driven("gru", rng))


@pytest.mark.parametrize("q", [1e-4, 0.3, 7.0, 300.0])
@pytest.mark.parametrize("name", ["hard_tanh", "softsign", "relu", "tanh"])
def test_means_of_an_activation_with_a_kink(name, q):
    """E[φ²] and E[φ′²] by mpmath's quadrature; χ of softsign was once off by 1e-5, for the cusp of its slope at 0."""
    import mpmath

    from bptt.cells.activations import activation
    from bptt.dynamics.mean_field import _mean

    value, slope = {
        "hard_tanh": (lambda z: max(-1, min(1, z)), lambda z: abs(z) < 1),
        "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
        "relu": (lambda z: max(0, z), lambda z: z > 0),
        "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    }[name]
    far = 10 * q**0.5
    ends = sorted({-far, 0.0, far} | ({-1.0, 1.0} if far > 1 else set()))
    for f, of_slope in ((value, False), (slope, True)):
        exact = mpmath.quad(lambda z, f=f: mpmath.npdf(z, 0, q**0.5) * f(z) ** 2, ends)
        assert _mean(activation(name), q, of_slope) == pytest.approx(float(exact), rel=1e-11)


@pytest.mark.parametrize(
    ("dtype", "e"), [("float32", -130), ("float32", 90), ("float64", -1000), ("float64", 900)]
)
def test_exponents_of_weights_of_any_size(rng, dtype, e):
    """W_R times 2^e adds e ln 2 to every exponent; at 1e-39 in float32 they were once -inf."""
    W = rng.normal(size=(3, 3)).astype(dtype)
    own, other = (
        bptt.RNN(np.eye(3, dtype=dtype), W_R, np.zeros(3, dtype), "identity").forward(
            np.zeros((60, 2, 3), dtype)
        )
        for W_R in (W, np.ldexp(W, e))
    )
    plain, scaled = bptt.lyapunov(own), bptt.lyapunov(other)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    assert scaled.exponents - e * np.log(2) == pytest.approx(plain.exponents, abs=tolerance)
    products = [bptt.dynamics.jacobian_product(trace, 59, 40) for trace in (own, other)]
    one, two = (product.log10_singular_values()[:, 0] for product in products)
    assert two - 40 * e * np.log10(2) == pytest.approx(
        one, abs=1e-3 if dtype == "float32" else 1e-9
    )
