"""Sizes at the edge of the types: each was once a wrong number or a wrong error."""

import numpy as np
import pytest

import bptt
from bptt.errors import ResidualError

F4 = np.float32


def scalar(w, h, dtype=F4, activation="identity"):
    """One linear unit, its state held at h by its inputs."""
    layer = bptt.RNN(
        np.eye(1, dtype=dtype), np.full((1, 1), w, dtype), np.zeros(1, dtype), activation
    )
    h = np.asarray(h, dtype)
    x = np.empty((len(h) - 1, 1, 1), dtype)
    for t in range(len(x)):
        x[t] = h[t + 1] - dtype(w) * h[t]
    return layer.forward(x, h0=h[:1].reshape(1, 1))


def test_max_lag_on_an_exploding_network():
    layer = bptt.RNN.init(3, 16, "orthogonal", gain=2.0, rng=0)
    x = 0.1 * np.random.default_rng(0).standard_normal((60, 4, 3)).astype(F4)
    trace = layer.forward(x)
    dh = np.zeros_like(trace.z)
    dh[-1] = 1
    whole, cut = bptt.by_lag(trace, dh), bptt.by_lag(trace, dh, max_lag=5)
    assert np.allclose(cut.log10_norm, whole.log10_norm[:6], atol=1e-6)
    assert cut.rest > 1


@pytest.mark.parametrize("T", [100, 140, 160, 400])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_delayed_recall(T, dtype):
    """The input comes first, the loss last: the whole gradient is below the type's range."""
    net = bptt.Network.init(1, 16, 2, "orthogonal", gain=0.5, loss_at="last", rng=0, dtype=dtype)
    x = np.zeros((T, 4, 1), dtype)
    x[0, :, 0] = [1, -1, 1, 1]
    run = net.run(x, np.array([0, 1, 0, 1]))
    profile = bptt.by_lag(run.trace, run.dh)
    assert profile.residual < (1e-5 if dtype == "float32" else 1e-12)
    assert profile.share.sum() == pytest.approx(1, abs=1e-4)
    # h_s and D_k shrink together: the whole is about 0.5^T times something of order one
    assert profile.log10_whole == pytest.approx(-T * np.log10(2), abs=3)


def test_products_beyond_float32():
    """States of 1e30 and errors of 1e10: each lag is 1e40, and is said to overflow."""
    profile = bptt.by_lag(scalar(0.5, [1e30] * 5), np.full((4, 1, 1), 1e10, F4))
    assert np.allclose(
        profile.log10_norm, 40 + np.log10(0.5 ** np.arange(4) * [4, 3, 2, 1]), atol=1e-5
    )
    assert profile.overflow_lag == 0
    assert profile.residual < 1e-6


def test_tiny_states_and_errors():
    profile = bptt.by_lag(scalar(0.5, [1e-20] * 5), np.full((4, 1, 1), 1e-24, F4))
    assert np.allclose(
        profile.log10_norm, -44 + np.log10(0.5 ** np.arange(4) * [4, 3, 2, 1]), atol=1e-4
    )
    assert profile.residual < 1e-6


def test_huge_weights():
    trace = scalar(1e30, [0.0, 0.0, 0.0, 0.0])
    profile = bptt.by_lag(trace, np.ones((3, 1, 1), F4))
    assert np.allclose(profile.log10_signal, [0, 30, 60], atol=1e-4)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e160, 1e300])
def test_errors_of_any_size_in_float64(scale, rng):
    layer = bptt.RNN.init(2, 4, rng=0, dtype="float64")
    trace = layer.forward(rng.normal(size=(6, 2, 2)))
    dh = rng.normal(size=(6, 2, 4))
    one, other = bptt.by_lag(trace, dh), bptt.by_lag(trace, dh * scale)
    assert np.allclose(other.share, one.share, atol=1e-12)
    assert np.allclose(other.log10_norm, one.log10_norm + np.log10(scale), atol=1e-9)
    assert other.residual < 1e-13


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_row_may_meet_a_zero_state(dtype):
    """Two losses far apart in size at the same lag; the larger stands at step 0, where h_0 = 0."""
    T, far = 120, 40
    # slope 1 up to step 40, then a thousandth: the later loss's signal falls by 1e-3 per step
    pair = (lambda z: np.ones_like(z), lambda z: np.where(z > 0, 1.0, 1e-3))
    one = np.eye(1, dtype=dtype)
    layer = bptt.RNN(one, one, one[0] * 0, pair)
    x = np.where(np.arange(T) <= far, 1, -3).astype(dtype).reshape(T, 1, 1)
    trace = layer.forward(x)
    dh = np.zeros((T, 1, 1), dtype)
    dh[far] = dh[-1] = 1
    profile = bptt.by_lag(trace, dh)
    # at lag 40 the first loss stands at step 0; the second has crossed 41 small slopes: 1e-123
    assert profile.log10_norm[far] == pytest.approx(-3 * (far + 1), abs=1e-3)
    assert profile.log10_norm[far - 1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "softsign", "scaled_tanh"])
def test_saturated_slopes_are_not_zero(activation, dtype):
    """z = 40: tanh′ = 4 e^-80 = 7e-35, while 1 - h² is 0."""
    layer = bptt.RNN(np.eye(1, dtype=dtype), np.eye(1, dtype=dtype), np.zeros(1, dtype), activation)
    z = layer.phi.value(np.full(1, 40.0, dtype))
    slope = layer.phi.derivative(np.full(1, 40.0, dtype), z)[0]
    exact = {
        "tanh": 4 * np.exp(-80.0), "logistic": np.exp(-40.0), "softsign": 1 / 41**2,
        "scaled_tanh": 1.7159 * 2 / 3 * 4 * np.exp(-160 / 3),
    }[activation]  # fmt: skip
    assert slope == pytest.approx(exact, rel=1e-5 if dtype == "float32" else 1e-13)


def test_a_stack_whose_gradient_overflows():
    """Upper layer grows 10-fold per step over 500 steps: the layer below inherits 1e+500."""
    H, T = 3, 501
    grow = bptt.RNN(np.eye(H), 10 * np.eye(H), np.zeros(H), "identity")
    below = bptt.RNN(np.eye(H), 0.5 * np.eye(H), np.zeros(H), "identity")
    stack = bptt.Stack([below, grow])
    trace = stack.forward(np.zeros((T, 2, H)))
    dh = np.zeros((T, 2, H))
    dh[-1] = 1
    lower, upper = bptt.by_lag(trace, dh)
    k = np.arange(T)
    assert np.allclose(upper.log10_growth, k, atol=1e-9)
    # lag k of the lower layer: Σ_j 10^j 0.5^(k-j) over the paths
    assert np.allclose(lower.log10_growth[1:], (k + np.log10(10 / 9.5))[1:], atol=0.02)


def test_signals_of_different_scale_from_two_layers(rng):
    """A layer's own signal and what is handed down may lie 1e200 apart; both are kept."""
    H, T = 2, 300
    shrink = bptt.RNN(np.eye(H), 0.1 * np.eye(H), np.zeros(H), "identity")
    keep = bptt.RNN(np.eye(H), 1.0 * np.eye(H), np.zeros(H), "identity")
    for levels, expected in (([keep, shrink], 0.0), ([shrink, keep], 0.0)):
        trace = bptt.Stack(levels).forward(np.zeros((T, 1, H)))
        dh = np.zeros((T, 1, H))
        dh[-1] = 1
        lower, _ = bptt.by_lag(trace, dh)
        assert lower.log10_growth[-1] == pytest.approx(expected, abs=0.1)


def test_norms_of_huge_gradients_are_clipped():
    from bptt.optimisers import clip_by_norm

    grads = {"a": np.full(4, 1e20, F4)}
    assert clip_by_norm(grads, 1.0) == pytest.approx(2e20)
    assert np.allclose(grads["a"], 0.5)


@pytest.mark.parametrize(("gain", "T"), [(0.5, 800), (2.0, 560)])
def test_truncation_of_a_gradient_of_any_size(gain, T):
    """x only at step 0, the loss at the last: dW_R is 1e-240 or 1e+168, its shares are not."""
    layer = bptt.RNN(np.eye(2), gain * np.eye(2), np.zeros(2), "identity")
    x = np.zeros((T, 1, 2))
    x[0] = 1
    trace = layer.forward(x)
    dh = np.zeros((T, 1, 2))
    dh[-1] = 1
    profile = bptt.by_lag(trace, dh)
    # every lag but the last is gain^(T-2) times the same matrix: shares of 1/(T-1)
    assert np.allclose(profile.share[:-1], 1 / (T - 1), rtol=1e-9)
    assert profile.truncation(5).relative_bias == pytest.approx(1 - 5 / (T - 1), rel=1e-9)
    assert profile.shortest_truncation(0.5) == int(np.ceil(0.5 * (T - 1)))


def test_shortest_chunks_under_cancellation(rng):
    """Where the lags cancel 1e5-fold, the chunks must be a million steps: solved, not searched."""
    T = 200
    layer = bptt.RNN([[1.0]], [[1.0]], [0.0], "identity")
    trace = layer.forward(np.ones((T, 1, 1)))
    dh = np.zeros((T, 1, 1))
    dh[99], dh[-1] = 1.0, -(sum(range(100)) - 0.05) / sum(range(T))
    profile = bptt.by_lag(trace, dh)
    assert profile.cancellation > 1e4
    K = profile.shortest_truncation(0.05, chunked=True)
    assert K > 1e5
    assert profile.truncation(K, chunked=True).relative_bias <= 0.05
    assert profile.truncation(int(0.99 * K), chunked=True).relative_bias > 0.05


def test_errors_that_are_denormal_on_their_way_and_grow_again():
    """Between two linear levels errors are divided by 2^1040, and lose digits; below, they grow by 2^90 a step."""
    rng = np.random.default_rng(0)
    lower, upper = (rng.standard_normal((2, 2)) for _ in range(2))
    x, dh = rng.standard_normal((4, 3, 2)), rng.standard_normal((4, 3, 2))

    def lags(weight):
        stack = bptt.Stack([
            bptt.RNN(np.eye(2), 2.0**90 * lower, np.zeros(2), "identity"),
            bptt.RNN(weight * np.eye(2), upper, np.zeros(2), "identity"),
        ])  # fmt: skip
        return bptt.by_lag(stack.forward(x), dh)[0]

    # a power of two changes no digit: only the scale
    ordinary, divided = lags(1.0), lags(2.0**-1040)
    assert np.allclose(divided.log10_norm, ordinary.log10_norm - 1040 * np.log10(2), rtol=1e-14)
    assert np.allclose(divided.share, ordinary.share, rtol=1e-11)
    assert divided.residual < 1e-14


@pytest.mark.parametrize("power", [-600, 0, 750])
def test_the_rest_has_every_digit_at_any_scale(power):
    """ln 2^600 has no room for the last digits of what stands before it."""
    layer = bptt.RNN.init(
        3, 4, "orthogonal", gain=2.0**-100, activation="identity", rng=0, dtype="float64"
    )
    x, dh = np.random.default_rng(0).standard_normal((2, 8, 2, 3)), np.ones((8, 2, 4))
    trace = layer.forward(x[0])
    profile = bptt.by_lag(trace, 2.0**power * dh, max_lag=3, keep_matrices=True)
    every = bptt.by_lag(trace, dh, keep_matrices=True).matrices
    exact = (
        np.linalg.norm(every[4:].sum(0) * 2.0**400) / np.linalg.norm(every[:4], axis=(1, 2)).sum()
    )
    assert profile.rest * 2.0**400 == pytest.approx(exact, rel=4e-15, abs=0)


@pytest.mark.parametrize("power", [-813, 0, 741])
def test_the_bias_has_every_digit_at_any_scale(power):
    """A power of two changes no digit of the gradient, nor of what truncating it leaves out."""
    layer = bptt.GRU.init(3, 4, rng=0, dtype="float64")
    x = np.random.default_rng(0).standard_normal((8, 2, 3))
    trace, dh = layer.forward(x), np.random.default_rng(1).standard_normal((8, 2, 4))
    profile = bptt.by_lag(trace, 2.0**power * dh, keep_matrices=True)
    every = bptt.by_lag(trace, dh, keep_matrices=True).matrices
    for K in (1, 2, 5, 6):
        exact = np.linalg.norm(every[K:].sum(0)) / np.linalg.norm(every.sum(0))
        assert profile.truncation(K).relative_bias == pytest.approx(exact, rel=6e-15, abs=0)


@pytest.mark.parametrize("small", [-1000, -600])
def test_states_as_far_apart_as_the_type_reaches(small):
    """h grows by 2^240 a step, and the errors by as much on their way back: every lag has the same part."""
    h = np.append(0, 2.0 ** (small + 240 * np.arange(7)))
    trace = scalar(2.0**240, h, np.float64)
    dh = np.zeros((7, 1, 1))
    dh[-1] = 1
    profile = bptt.by_lag(trace, dh)
    exact = np.append(np.full(6, (small + 1200) * np.log10(2)), -np.inf)
    assert np.allclose(profile.log10_norm, exact, rtol=1e-14)
    assert profile.log10_whole == pytest.approx(exact[0] + np.log10(6), rel=1e-14)
    assert profile.share[:6] == pytest.approx(np.full(6, 1 / 6), rel=1e-13)


def cancelling(dtype, small, size=1.0):
    """Errors of the upper level add up to nothing; what its inputs have of them is ``small`` beside what is added up.

    Returns:
        the pass, its errors, and the lags of the lower level as they are where nothing has to cancel.
    """
    rng = np.random.default_rng(0)
    W_R, W_F, x, dh = (rng.normal(size=shape) for shape in ((4, 4), (4, 3), (12, 2, 3), (12, 2, 4)))
    W_R += (0.9 - W_R.sum(1, keepdims=True)) / 4  # errors that add up to nothing go on so
    dh -= dh.mean(-1, keepdims=True)

    def run(common):
        below = bptt.RNN(
            np.eye(3, dtype=dtype), orthogonal.astype(dtype), np.zeros(3, dtype), "identity"
        )
        above = bptt.RNN(
            (small * W_F + common).astype(dtype), W_R.astype(dtype), np.zeros(4, dtype), "identity"
        )
        return bptt.Stack([below, above]).forward(x.astype(dtype))

    orthogonal = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    exact = bptt.by_lag(run(0.0), dh.astype(dtype))[0]
    return run(1.0), (size * dh).astype(dtype), exact


@pytest.mark.parametrize(
    ("dtype", "small", "size"),
    [("float64", 1e-4, 1.0), ("float64", 1e-6, 1e-300), ("float32", 1e-3, 1e-30)],
)
def test_errors_that_cancel_between_two_levels(dtype, small, size):
    """dW_R of the lower level has lost digits before its lags are added up, and moves as far with the last place of a weight."""
    trace, dh, exact = cancelling(dtype, small, size)
    own = bptt.by_lag(trace, dh)[0]
    off = 100 * float(np.finfo(dtype).eps) / small
    assert own.residual > 1e-3 * off
    assert own.share == pytest.approx(exact.share, abs=off)
    assert own.log10_norm[:11] == pytest.approx(exact.log10_norm[:11] + np.log10(size), abs=off)


@pytest.mark.parametrize("off", [1e-9, 1e-3])
def test_what_rounding_does_not_explain_is_refused_there_too(monkeypatch, off):
    """Of a gradient that is right to 1e-11, a part in 1e9 is missing; nothing that is wrong by a thousandth passes."""
    from bptt.gradients.by_lag import walk

    whole = walk.whole

    def spoilt(trace, errors):
        found = whole(trace, errors)
        found[0].M *= 1 + off
        return found

    trace, dh, _ = cancelling("float64", 1e-4 if off == 1e-9 else 1e-14)
    monkeypatch.setattr(walk, "whole", spoilt)
    with pytest.raises(ResidualError, match="lags that add up to dW_R"):
        bptt.by_lag(trace, dh)


@pytest.mark.parametrize("power", [-110, 110])
def test_a_mask_of_any_size(power):
    """Errors of 2^35 times a mask of 2^110 leave float32 before they are scaled again; a power of two changes no digit."""
    rng = np.random.default_rng(0)
    levels = [bptt.RNN.init(3, 3, rng=rng, activation="identity") for _ in range(2)]
    for level in levels:
        level.b[:] = 0
    x, dh, mask = (rng.normal(size=(6, 2, 3)).astype(F4) for _ in range(3))

    def lags(power):
        half, third = F4(2.0 ** (-power / 2)), F4(2.0 ** (power / 110 * 35))
        trace = bptt.Stack(levels).forward(half * x, masks=[None, F4(2.0**power) * mask])
        return bptt.by_lag(trace, third * dh)[0]

    ordinary, masked = lags(0), lags(power)
    moved = (power / 2 + power / 110 * 35) * np.log10(2)
    assert np.allclose(masked.log10_norm[:5], ordinary.log10_norm[:5] + moved, rtol=0, atol=1e-5)
    assert np.allclose(masked.share, ordinary.share, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "z", "size"), [("float32", -100.0, 1e34), ("float64", -740.0, 1e300)]
)
def test_large_errors_at_slopes_that_have_lost_digits(dtype, z, size):
    """e^-100 has five bits left in float32: times an error of 1e34 that is all of a gradient, and no digit of it was right."""
    eps = float(np.finfo(dtype).eps)
    below = bptt.RNN(*(np.array(w, dtype) for w in ([[1]], [[0.5]], [z])), activation="logistic")
    above = bptt.RNN(*(np.array(w, dtype) for w in ([[size]], [[0]], [0])), activation="identity")
    x, h0, dh = np.zeros((1, 1, 1), dtype), np.ones((1, 1), dtype), np.ones((1, 1, 1), dtype)
    exact = pytest.approx(size * np.exp(np.longdouble(z) + 0.5), rel=8 * eps * abs(z))
    trace = bptt.Stack([below, above]).forward(x, [h0, h0])
    lower, _ = bptt.by_lag(trace, dh, keep_matrices=True)
    alone = below.forward(x, h0)
    for found in (lower.dW_R, lower.matrices[0], bptt.truncated_bptt(alone, size * dh, 1, 1)):
        assert found.item() == exact
