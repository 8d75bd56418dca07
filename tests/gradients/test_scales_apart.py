"""Numbers of one network that lie hundreds of decades apart: each was once zero, NaN or an error."""

import numpy as np
import pytest

import bptt

LOG10_E = np.log10(np.e)
# log10 of φ′(z) for a large z, to what float64 holds of its logarithm
LOG10_SLOPE = {
    "tanh": lambda z: np.log10(4) - 2 * z * LOG10_E,
    "logistic": lambda z: -z * LOG10_E,
    "softsign": lambda z: -2 * np.log10(1 + z),
    "scaled_tanh": lambda z: np.log10(1.7159 * 2 / 3 * 4) - 4 / 3 * z * LOG10_E,
}


def held(z, T, dtype, activation, w=1.0):
    """One unit with the pre-activation z at every step, whatever its state is."""
    one = np.eye(1, dtype=dtype)
    layer = bptt.RNN(one, w * one, one[0] * 0, activation)
    drive = np.empty((T, 1, 1), dtype)
    drive[:] = z
    drive[1:] -= np.asarray(w * layer.phi.value(np.full(1, z, dtype)), dtype)
    return layer.forward(drive)


@pytest.mark.parametrize("activation", LOG10_SLOPE)
@pytest.mark.parametrize(
    ("dtype", "z"), [("float32", 60.0), ("float32", 3e4), ("float64", 400.0), ("float64", 1e6)]
)
def test_a_slope_below_the_range_is_a_number(activation, dtype, z):
    """tanh′(400) = 4 e^-800 = 1e-347: the signal of lag k is the product of k + 1 of them."""
    T = 6
    trace = held(z, T, dtype, activation)
    dh = np.zeros_like(trace.z)
    dh[-1] = 1
    profile = bptt.by_lag(trace, dh)
    each = np.array([LOG10_SLOPE[activation](float(own)) for own in trace.z[:, 0, 0]])
    exact = np.cumsum(each[::-1])
    assert profile.log10_signal == pytest.approx(exact, rel=1e-6 if dtype == "float32" else 1e-12)
    states = np.log10(np.abs(trace.h[-2:0:-1, 0, 0].astype(float)))
    assert profile.log10_norm[:-1] == pytest.approx(exact[:-1] + states, rel=1e-6)
    assert profile.log10_norm[-1] == -np.inf  # the initial state is zero
    assert profile.residual < 1e-5


@pytest.mark.parametrize("seed", [20, 141, 261, 323, 400])
@pytest.mark.parametrize("cell", [bptt.RNN, bptt.LSTM, bptt.GRU], ids=lambda c: c.__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_that_nobody_standardised(cell, seed, dtype):
    """Gates whose slopes are zero, or 1e-310: the gradient is tiny, or zero, and is no error."""
    rng = np.random.default_rng(seed)
    layer = cell.init(2, 4, rng=seed, dtype=dtype)
    for size in 10 ** np.arange(1, 5.5, 0.25):
        trace = layer.forward((size * rng.normal(size=(15, 2, 2))).astype(dtype))
        profile = bptt.by_lag(trace, rng.normal(size=(15, 2, 4)).astype(dtype))
        if profile.log10_whole == -np.inf:
            assert (profile.log10_norm == -np.inf).all()
            assert np.isnan(profile.share).all()
            assert profile.horizon() is None
        else:
            assert profile.share.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("loss_chunk", [1, 3])
def test_both_directions_have_the_same_signals_in_chunks(rng, loss_chunk):
    """Errors of several loss steps meet at one step and lag: they add up before their norm is taken."""
    levels = [
        bptt.Bidirectional(*(bptt.GRU.init(i, 3, rng=rng, dtype="float64") for _ in range(2)))
        for i in (2, 6)
    ]
    trace = bptt.Stack(levels).forward(rng.normal(size=(7, 2, 2)))
    dh = rng.normal(size=(7, 2, 6))
    for one, other in zip(
        bptt.by_lag(trace, dh, loss_chunk=loss_chunk), bptt.by_lag(trace, dh), strict=True
    ):
        assert one.log10_signal == pytest.approx(other.log10_signal, abs=1e-12)
        assert one.gain == pytest.approx(other.gain, abs=1e-12)


@pytest.mark.parametrize(("dtype", "small"), [("float32", 1e-25), ("float64", 1e-200)])
def test_a_unit_that_is_off_held_nearly_all_of_the_error(dtype, small):
    """Its slope is 0, and the square of what is left beside it is none of the type's: the lag was said to be empty."""
    layer = bptt.RNN(np.eye(2, dtype=dtype), np.eye(2, dtype=dtype), np.zeros(2, dtype), "relu")
    x = np.array([[[0, 1]], [[-1, 1]]], dtype)
    profile = bptt.by_lag(layer.forward(x), np.array([[[0, 0]], [[1, small]]], dtype))
    assert profile.log10_signal[0] == pytest.approx(np.log10(small), abs=1e-6)
    assert profile.log10_norm[0] == pytest.approx(np.log10(small), abs=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("dtype", "T", "z"),
    [
        ("float32", 11, -31.0),
        ("float32", 11, -37.0),
        ("float64", 86, -160.0),
        ("float64", 86, -190.0),
    ],
)
def test_a_small_entry_meets_the_only_slope(dtype, T, z, sign):
    """Of h 1e-30 and 1e-255 are left beside what c keeps, whose gates are saturated: times a slope of 1e-16, dz was zero."""
    W_R, b = np.zeros((8, 2), dtype), np.full(8, 800, dtype)
    b[[0, 1, 5]], b[7], W_R[7, 1] = -800, -20.4, 8e5  # i is 0, f is 1; o of unit 1 has a slope
    layer = bptt.LSTM(np.zeros((8, 1), dtype), W_R, b)
    h0, c0 = np.array([[[0.1, (z - b[7]) / 8e5]], [[0.1, -40]]], dtype)
    trace = layer.forward(np.zeros((T, 1, 1), dtype), h0, c0)
    dh = np.zeros((T, 1, 4), dtype)
    dh[-1, 0] = [1, sign, 1, 0]
    profile = bptt.by_lag(trace, dh)
    slopes, states = trace.linearised()[1][::-1, 0, 7], np.linalg.norm(trace.h[-2::-1, 0], axis=-1)
    log10 = np.cumsum(np.log10(-slopes.astype(float))) + np.arange(T) * np.log10(8e5)
    assert log10[-1] < np.log10(np.finfo(dtype).tiny)
    assert profile.log10_norm == pytest.approx(log10 + np.log10(states), rel=1e-6)
