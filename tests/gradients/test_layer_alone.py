"""A layer by itself goes back several lags in one call; what it measures is what lag after lag gives."""

import dataclasses

import numpy as np
import pytest

import bptt
from bptt import kernels
from bptt.gradients.by_lag import layer_alone, walk
from bptt.gradients.by_lag.layer_walk import LayerWalk
from bptt.gradients.by_lag.walk import Walking, lags_of
from bptt.layers.stacked import as_stack_trace
from tests.conftest import random_layer

CELLS = {"rnn": bptt.RNN, "lstm": bptt.LSTM, "gru": bptt.GRU}
FAR = {"float32": 3e-6, "float64": 1e-12}


@pytest.fixture
def blocks(monkeypatch):
    """The blocks that were walked: how many lags each had."""
    found, block = [], layer_alone.LayerAlone._block

    def counted(self):
        made = block(self)
        found.append(0 if made is None else len(made.found.totals))
        return made

    monkeypatch.setattr(layer_alone.LayerAlone, "_block", counted)
    return found


def lag_by_lag(monkeypatch, trace, dh, walking):
    with monkeypatch.context() as patch:
        patch.setattr(walk, "LayerAlone", LayerWalk)
        return lags_of(trace, dh, walking)[0]


def agree(found, expected, far):
    for field in dataclasses.fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if other is None:
            assert one is None, field.name
        elif field.name == "residual":
            assert one < far
            assert other < far
        elif isinstance(other, np.ndarray):
            assert one.shape == other.shape
            scale = np.abs(other[np.isfinite(other)]).max(initial=1.0)
            if field.name == "kept":  # logarithms of what may be rounding alone
                one, other, scale = np.exp(one), np.exp(other), len(other.T)
            by_step = field.name == "log10_signal_by_step"  # is float32
            bar = max(far, 1e-6) if by_step else far
            np.testing.assert_allclose(one, other, rtol=bar, atol=bar * scale, err_msg=field.name)
        else:
            assert one == pytest.approx(other, rel=far), field.name


@pytest.mark.parametrize("dtype", FAR)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("loss", ["every step", "the last", "some in the middle"])
def test_blocks_of_lags_are_the_lags(monkeypatch, blocks, name, dtype, loss):
    rng, T = np.random.default_rng(4), 61
    layer = CELLS[name].init(3, 9, rng=1, dtype=dtype)
    trace = layer.forward(
        rng.standard_normal((T, 5, 3)).astype(dtype), 0.3 * np.ones((5, 9), dtype)
    )
    dh = rng.standard_normal((T, 5, 9)).astype(dtype)
    dh[: {"every step": 0, "the last": T - 1, "some in the middle": 20}[loss]] = 0
    dh[{"every step": T, "the last": T, "some in the middle": 30}[loss] :] = 0
    trace = as_stack_trace(trace)
    for walking in (
        Walking(keep_matrices=True),
        Walking(max_lag=13),
        Walking(tolerance=1e-3),
        Walking(negligible=1e-15),
    ):
        blocks.clear()
        (found,) = lags_of(trace, dh, walking)
        assert sum(blocks) > 8
        agree(found, lag_by_lag(monkeypatch, trace, dh, walking), FAR[dtype])


@pytest.mark.parametrize(
    ("gain", "dtype"), [(1e-9, "float64"), (1e-4, "float32"), (1e12, "float64")]
)
def test_where_numbers_leave_the_range_on_the_way_lags_go_one_by_one(
    monkeypatch, blocks, rng, gain, dtype
):
    layer = random_layer(rng, H=6, gain=gain)
    layer = bptt.RNN(*(w.astype(dtype) for w in (layer.W_F, layer.W_R, layer.b)))
    trace = as_stack_trace(layer.forward(1e-3 * rng.normal(size=(70, 3, 3)).astype(dtype)))
    dh = rng.normal(size=(70, 3, 6)).astype(dtype)
    (found,) = lags_of(trace, dh, Walking())
    assert 0 in blocks
    agree(found, lag_by_lag(monkeypatch, trace, dh, Walking()), FAR[dtype])


def test_a_state_of_zero_gives_a_lag_of_zero(blocks, rng):
    """The first step of a sequence that begins at zero has no part in dW_R, and its block is one all the same."""
    layer = random_layer(rng, H=6, gain=0.8)
    profile = bptt.by_lag(layer.forward(rng.normal(size=(16, 3, 3))), rng.normal(size=(16, 3, 6)))
    assert blocks == [8, 8]
    assert profile.log10_norm[-1] == -np.inf


def test_what_the_loops_do_not_take_at_once_goes_lag_by_lag(blocks, rng):
    """Resets, sequences without a loss, a matrix that is too large."""
    layer = random_layer(rng, H=6, gain=0.8)
    x, dh, resets = (
        rng.normal(size=(30, 3, 3)),
        rng.normal(size=(30, 3, 6)),
        np.zeros((30, 3), bool),
    )
    resets[10] = True
    bptt.by_lag(layer.forward(x, resets=resets), dh)
    assert not any(blocks)
    blocks.clear()
    dh[:, 1] = 0
    bptt.by_lag(layer.forward(x), dh)
    assert not any(blocks)
    blocks.clear()
    large = bptt.RNN.init(3, 130, rng=0, dtype="float64")
    bptt.by_lag(large.forward(x), np.ones((30, 3, 130)))
    assert not any(blocks)


@pytest.mark.parametrize("name", CELLS)
def test_numpys_block_is_the_compiled_one(name):
    rng, (N, B, H) = np.random.default_rng(2), (37, 5, 11)
    layer = CELLS[name].init(3, H, rng=1, dtype="float64")
    trace = layer.forward(rng.standard_normal((N + 4, B, 3)))
    cell, W_R = layer.cell, trace.weights.W_R
    derivatives, h_prev = trace.linearised(0, N + 4), trace.before(0, N + 4)[0]
    D = rng.standard_normal((N, B, H * len(cell.states)))
    by = kernels.LagStep(cell, W_R), kernels.lag_step(cell, trace.weights.phi, W_R)
    for lags in (1, 4, 9):
        left = N - max(0, lags - 4)
        found, arriving = [], np.empty((2, left, B, D.shape[2]))
        for step, behind in zip(by, arriving, strict=True):
            found.append(step.several(D, derivatives, h_prev, 4, behind, lags))
        slow, quick = found
        names = [0, 1, 4] if cell.carry_gate is None else range(5)
        for one, other in (
            (quick.squares[:, names], slow.squares[:, names]),
            (quick.G, slow.G),
            (arriving[1], arriving[0]),
            (quick.largest, slow.largest),
            (quick.totals, slow.totals),
        ):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
