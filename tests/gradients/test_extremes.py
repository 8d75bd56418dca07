"""Linear networks whose lags are known in closed form, far beyond the range of the types (Q13)."""

import numpy as np
import pytest

import bptt


def orthogonal(H, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(H, H)))
    return q


def last_step(T, B, H, dtype="float64"):
    dh = np.zeros((T, B, H), dtype)
    dh[-1] = np.random.default_rng(1).normal(size=(B, H))
    return dh


def silent(rho, T, dtype, Q):
    """A linear network at rest: its error signals are ρ^k, whatever the data."""
    H = len(Q)
    layer = bptt.RNN(
        np.eye(H, dtype=dtype), (rho * Q).astype(dtype), np.zeros(H, dtype), "identity"
    )
    return layer.forward(np.zeros((T, 2, H), dtype))


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.0, 1.1, 2.0])
def test_signal_of_an_orthogonal_network(rho):
    T = 201
    profile = bptt.by_lag(silent(rho, T, "float64", orthogonal(8)), last_step(T, 2, 8))
    signal = profile.signal / profile.signal[0]
    assert np.allclose(signal, rho ** np.arange(T), rtol=1e-10)
    assert np.allclose(profile.weight_gain, np.log(rho), atol=1e-12)
    assert np.allclose(profile.activation_gain, 0, atol=1e-12)
    assert profile.rate == pytest.approx(np.log(rho), abs=1e-12)


@pytest.mark.parametrize("rho", [0.5, 2.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-3)])
def test_signal_beyond_every_range(rho, dtype, tolerance):
    T = 3001
    profile = bptt.by_lag(silent(rho, T, dtype, orthogonal(8)), last_step(T, 2, 8, dtype))
    growth = profile.log10_signal - profile.log10_signal[0]
    assert np.abs(growth - np.arange(T) * np.log10(rho)).max() < tolerance
    assert growth[-1] == pytest.approx(np.sign(rho - 1) * 903.09, abs=0.01)


def exact_states(rho, T, dtype):
    """A network whose states are whole numbers, so that rounding cannot grow with ρ = 2.

    Q is a signed permutation and x_t = h_t - W_R h_{t-1} for states drawn beforehand.
    """
    rng = np.random.default_rng(3)
    H = 6
    Q = np.eye(H)[rng.permutation(H)] * rng.choice([-1, 1], H)
    W_R = (rho * Q).astype(dtype)
    h = rng.integers(-4, 5, size=(T + 1, 2, H)).astype(dtype)
    h[0] = 0
    layer = bptt.RNN(np.eye(H, dtype=dtype), W_R, np.zeros(H, dtype), "identity")
    trace = layer.forward(h[1:] - h[:-1] @ W_R.T)
    assert (trace.h == h).all()
    return trace


@pytest.mark.parametrize("rho", [0.5, 2.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-3)])
def test_gradient_beyond_every_range(rho, dtype, tolerance):
    """‖G_k‖ = ρ^k ‖Σ_n (Q^k d)_n ⊗ h_{T-k-1,n}‖, Q^k d from whole numbers: exact."""
    T = 3001
    trace = exact_states(rho, T, dtype)
    dh = np.zeros_like(trace.z)
    dh[-1] = np.random.default_rng(4).integers(1, 5, size=dh[-1].shape)
    profile = bptt.by_lag(trace, dh)
    Q = trace.layer.W_R.astype("float64") / rho
    d, expected = dh[-1].astype("float64"), []
    for k in range(T - 1):
        expected.append(k * np.log10(rho) + np.log10(np.linalg.norm(d.T @ trace.h[T - 1 - k])))
        d = d @ Q
    assert np.abs(profile.log10_norm[:-1] - expected).max() < tolerance
    assert profile.log10_norm[-1] == -np.inf  # the initial state is zero
    assert profile.residual < 1e-6
    if rho == 2:
        first = int(np.argmax(np.array(expected) > np.log10(np.finfo(dtype).max)))
        # the norm passes the type's end a little before the largest entry does
        assert first <= profile.overflow_lag <= first + 5
        assert np.isinf(profile.dW_R).any()
        assert profile.log10_whole == pytest.approx(max(expected), abs=0.5)
    else:
        assert profile.overflow_lag is None


def test_two_regimes_in_one_sequence():
    """Half the sequence shrinks the signal 100-fold per step, the other half grows it back.

    Row by row the scale must be kept: at lag T/2 one loss step stands at 1e+120 and another at 1e-120,
    and the small one grows back to 1 afterwards.
    """
    T = 121
    half = T // 2
    slope = np.where(np.arange(T) < half, 100.0, 0.01)
    # h = 0 throughout, so z_t is the input: its sign picks the slope.
    pair = (lambda z: 0 * z, lambda z: np.where(z > 0, 100.0, 0.01))
    one = np.eye(1, dtype="float32")
    layer = bptt.RNN(one, one, one[0] * 0, pair)
    x = np.where(slope > 1, 1, -1).astype("float32").reshape(T, 1, 1)
    profile = bptt.by_lag(layer.forward(x), np.ones((T, 1, 1), "float32"))
    for t in (half - 1, half, T - 1):
        exact = np.cumsum(np.log10(slope[t::-1]))
        measured = profile.log10_signal_by_step[t, : t + 1]
        assert np.abs(measured - exact).max() < 1e-3, t
    assert profile.log10_signal_by_step[T - 1].min() == pytest.approx(-122, abs=1e-3)
