"""A sequence that is cut into columns with something in between, against the same sequence in one piece."""

import numpy as np
import pytest

import bptt
from bptt.gradients.by_lag.between_columns import Arriving
from bptt.gradients.by_lag.linked import linked_by_lag
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_step import linked_by_step
from bptt.layers.stacked import as_stack_trace
from bptt.layers.timeline import Timeline

T, B, I, H, CUT = 14, 3, 2, 5, 7


class Factor:
    """The second half's initial states are the first half's final ones; errors are multiplied on their way."""

    def __init__(self, factor):
        self.factor = factor
        self.order = [(0, np.arange(B, 2 * B)), (0, np.arange(B))]

    def reads(self, stack):
        return False

    def inner(self, stack):
        return np.arange(2 * B) >= B

    def back(self, leaving):
        for own in leaving:
            late = own.columns >= B
            for layer, rows in enumerate(own.states):
                if rows is not None and rows.D[:, late].any():
                    D = rows.D[:, late] * self.factor
                    at_end = Rows.of(CUT - 1, D, rows.e[:, late].copy(), rows.reach[:, late])
                    yield Arriving(0, layer, own.columns[late] - B, 0, at_end)


def halves(cell, dtype="float64"):
    """The sequence in one piece, and its halves side by side."""
    rng = np.random.default_rng(0)
    layer = getattr(bptt, cell).init(I, H, rng=1, dtype=dtype)
    x, dh = (rng.standard_normal((T, B, n)).astype(dtype) for n in (I, H))
    whole = layer.forward(x)
    ends = [state[CUT] for state in whole.states]
    starts = [np.concatenate([np.zeros_like(end), end]) for end in ends]
    cut = layer.forward(np.concatenate([x[:CUT], x[CUT:]], axis=1), *starts)
    return whole, dh, as_stack_trace(cut), np.concatenate([dh[:CUT], dh[CUT:]], axis=1)


def linked(cut, d, factor=1.0, **options):
    full = np.zeros((*d.shape[:2], cut.traces[0].layer.state_size), d.dtype)
    full[..., :H] = d
    timeline = Timeline(
        np.repeat([0, CUT], B), np.tile(np.arange(B), 2), np.full(2 * B, CUT)
    )  # fmt: skip
    profiles, swept = linked_by_lag(
        [cut], [[full]], Factor(factor), [[(0, 0)]], [timeline], **options
    )
    steps = linked_by_step([cut], swept.entering, [[full]], [[(0, 0)]], [timeline])
    return profiles[0], steps[0]


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_halves_that_follow_one_another_are_the_whole(cell):
    whole, dh, cut, d = halves(cell)
    expected, steps = bptt.by_lag(whole, dh, keep_matrices=True), bptt.by_step(whole, dh)
    profile, by_step = linked(cut, d, keep_matrices=True)
    assert np.allclose(profile.matrices, expected.matrices, rtol=1e-12, atol=1e-14)
    assert np.allclose(profile.log10_norm[:-1], expected.log10_norm[:-1], atol=1e-11)
    assert np.allclose(profile.share, expected.share, atol=1e-12)
    assert np.allclose(profile.log10_signal, expected.log10_signal, atol=1e-11)
    assert np.allclose(profile.log10_signal_by_step, expected.log10_signal_by_step, atol=1e-5)
    assert np.allclose(profile.between_gain, 0, atol=1e-12)
    for name in ("norm", "share", "dW_R", "immediate", "total"):
        assert np.allclose(getattr(by_step, name), getattr(steps, name), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_both_levels_of_a_stack(cell):
    """What the level above sends down is immediate for the level below, and what crosses the cut is not."""
    rng = np.random.default_rng(0)
    kind = getattr(bptt, cell)
    stack = bptt.Stack([kind.init(n, H, rng=n, dtype="float64") for n in (I, H)])
    x, dh = (rng.standard_normal((T, B, n)) for n in (I, H))
    whole = stack.forward(x)
    starts = [
        [np.concatenate([np.zeros((B, H)), trace.states[part][CUT]]) for trace in whole.traces]
        for part in range(len(whole.traces[0].states))
    ]
    cut = stack.forward(np.concatenate([x[:CUT], x[CUT:]], axis=1), *starts)
    d = np.zeros((CUT, 2 * B, cut.traces[0].layer.state_size))
    own = [d, d.copy()]
    own[1][..., :H] = np.concatenate([dh[:CUT], dh[CUT:]], axis=1)
    timeline = Timeline(np.repeat([0, CUT], B), np.tile(np.arange(B), 2), np.full(2 * B, CUT))
    members = [[(0, 0)], [(0, 1)]]
    profiles, swept = linked_by_lag([cut], [own], Factor(1.0), members, [timeline])
    steps = linked_by_step([cut], swept.entering, [own], members, [timeline])
    both = bptt.by_lag(whole, dh), bptt.by_step(whole, dh)
    for profile, by_step, expected, by_step_whole in zip(profiles, steps, *both, strict=True):
        assert np.allclose(profile.norm, expected.norm, rtol=1e-11)
        for name in ("norm", "share", "immediate", "total"):
            ours, theirs = getattr(by_step, name), getattr(by_step_whole, name)
            assert np.allclose(ours, theirs, rtol=1e-11, atol=1e-13), name


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("max_lag", [0, 4, 9])
def test_lags_that_are_left_out_are_counted_in_the_residual(cell, max_lag):
    whole, dh, cut, d = halves(cell)
    expected = bptt.by_lag(whole, dh, max_lag=max_lag)
    profile, _ = linked(cut, d, max_lag=max_lag)
    assert len(profile.norm) == max_lag + 1
    assert np.allclose(profile.norm, expected.norm, rtol=1e-12)
    assert profile.rest == pytest.approx(expected.rest, rel=1e-10)
    assert profile.residual < 1e-14


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_a_factor_on_the_way_multiplies_what_crosses_it(factor, dtype):
    """Lags from CUT on cross it and no others do them: their norms are the factor times as large, at any scale."""
    _, _, cut, d = halves("RNN", dtype)
    plain, _ = linked(cut, d)
    scaled, _ = linked(cut, d, factor=np.dtype(dtype).type(factor))
    crossing = slice(CUT, T - 1)
    shift = scaled.log10_norm[crossing] - plain.log10_norm[crossing]
    assert np.allclose(shift, np.log10(factor), atol=1e-4 if dtype == "float32" else 1e-11)
    assert scaled.log10_norm[0] == pytest.approx(plain.log10_norm[0], abs=1e-6)
    assert np.nanmin(np.sign(factor - 1) * scaled.between_gain) >= 0
