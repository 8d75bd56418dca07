"""The gradient by step where its steps lie further apart than the type reaches: each was once zero."""

import numpy as np
import pytest

import bptt
from bptt.gradients.by_step import by_step
from tests.gradients.test_scales_apart import LOG10_SLOPE, held


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e30), ("float64", 1e200)])
def test_errors_at_both_ends_of_the_type(dtype, size):
    """The loss sends 1e-200 to the last step and 1e+200 to the second: C_s = dz_s h_{s-1}, and one scale held one of them."""
    one = np.eye(1, dtype=dtype)
    layer = bptt.RNN(one, 0.5 * one, one[0] * 0, "identity")
    trace = layer.forward(np.ones((4, 1, 1), dtype))
    dh = np.zeros((4, 1, 1), dtype)
    dh[[1, 3], 0, 0] = size, 1 / size
    steps = by_step(trace, dh)
    expected = np.array([0, size, 0.5 / size, 1 / size]) * np.abs(trace.h[:-1, 0, 0])
    assert steps.norm == pytest.approx(expected, rel=1e-6, abs=0)
    assert steps.immediate == pytest.approx([0, size, 0, 1 / size], rel=1e-6, abs=0)
    assert steps.total == pytest.approx([size / 2, size, 0.5 / size, 1 / size], rel=1e-6, abs=0)
    assert steps.share[[1, 3]] == pytest.approx([1, expected[3] / expected[1]], rel=1e-6, abs=0)
    assert steps.dW_R[0, 0] == pytest.approx(expected[1], rel=1e-6, abs=0)


@pytest.mark.parametrize("activation", LOG10_SLOPE)
@pytest.mark.parametrize(
    ("dtype", "z", "w", "size"), [("float32", 60.0, 2.0**20, 1e30), ("float64", 400.0, 2.0**40, 1e290)]
)  # fmt: skip
def test_slopes_below_the_range(activation, dtype, z, w, size):
    """tanh′(400) = 4 e^-800 = 1e-347, and the error that it multiplies is 1e290."""
    trace = held(z, 3, dtype, activation, w)
    dh = np.zeros_like(trace.z)
    dh[-1] = size
    steps = by_step(trace, dh)
    slopes = np.array([LOG10_SLOPE[activation](float(own)) for own in trace.z[:, 0, 0]])
    log10 = np.log10(size) + np.cumsum(slopes[::-1])[::-1] + [2 * np.log10(w), np.log10(w), 0]
    states = np.abs(trace.h[:-1, 0, 0].astype(float))
    assert steps.norm == pytest.approx(10.0**log10 * states, rel=1e-4, abs=1e-300)
    assert steps.total[:-1] == pytest.approx(10.0 ** log10[1:] * w, rel=1e-4, abs=1e-300)
    assert steps.norm[2] > 1e-60


def test_slopes_below_the_range_have_all_digits():
    """Softsign at 1e170 has the slope 1e-340; taken from its logarithm it was off by 1e-13, and the share of its step with it."""
    z, w = 1e170, 2.0**400
    trace = held(z, 4, "float64", "softsign", w)
    dh = np.zeros_like(trace.z)
    dh[-1] = 1
    exact = (2.0**200 / z) ** 2
    assert by_step(trace, dh).share[2] == pytest.approx(exact, rel=2e-15, abs=0)


@pytest.mark.parametrize("cell", [bptt.RNN, bptt.LSTM, bptt.GRU], ids=lambda c: c.__name__)
def test_float32_has_the_steps_of_float64(cell):
    """400 steps through two layers: errors leave float32's range on their way, and come back to it."""
    rng = np.random.default_rng(0)
    layers = [cell.init(n, 4, rng=n, dtype="float64") for n in (3, 4)]
    small = bptt.Stack([cell.init(n, 4, rng=n, dtype="float32") for n in (3, 4)])
    for one, other in zip(small.layers, layers, strict=True):
        for name, value in one.parameters().items():
            value *= np.float32(0.3)
            other.parameters()[name][...] = value
    x, dh = rng.normal(size=(400, 2, 3)).astype("f4"), np.zeros((400, 2, 4), "f4")
    dh[[200, -1]] = rng.normal(size=(2, 2, 4)) * np.array([1, 1e20])[:, None, None]
    ours, theirs = (
        by_step(stack.forward(x.astype(stack.dtype)), dh.astype(stack.dtype))
        for stack in (small, bptt.Stack(layers))
    )
    for one, other in zip(ours, theirs, strict=True):
        assert other.norm[1:].min() < 1e-46
        for name in ("norm", "total", "immediate"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-2, abs=0), name


def test_a_step_of_nothing_has_no_scale():
    """The first step meets the zero state: the share of the others, 1e-340 and less, was NaN beside it."""
    one = np.eye(1)
    layer = bptt.RNN(one, 0.5 * one, one[0] * 0, "identity")
    trace = layer.forward(np.full((3, 1, 1), 1e-170))
    dh = np.zeros((3, 1, 1))
    dh[-1] = 1e-170
    steps = by_step(trace, dh)
    assert steps.share == pytest.approx([0, 1 / 4, 3 / 4], rel=1e-12)
    assert not steps.norm.any()


def test_a_level_that_no_error_enters():
    """The loss sees the lower layer alone: nothing comes down from the upper one."""
    stack = bptt.Stack([bptt.GRU.init(2, 3, rng=0), bptt.GRU.init(3, 3, rng=1)])
    trace = stack.forward(np.ones((4, 2, 2), "f4"))
    dh = [np.ones((4, 2, 3), "f4"), np.zeros((4, 2, 3), "f4")]
    lower, upper = by_step(trace, dh)
    assert not upper.norm.any()
    assert lower.norm == pytest.approx(by_step(trace.traces[0], dh[0]).norm, rel=1e-6)
