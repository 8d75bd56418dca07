import numpy as np
import pytest

import bptt
from bptt import reference
from bptt.errors import OptionError
from bptt.gradients.by_lag import total
from bptt.gradients.by_lag.bill import Bill
from bptt.gradients.by_lag.walk import Walking, lags_of
from bptt.layers.stacked import as_stack_trace
from tests.conftest import random_layer, relative


@pytest.fixture
def case(rng):
    layer = random_layer(rng, H=6, gain=0.8)
    x, dh = rng.normal(size=(40, 3, 3)), rng.normal(size=(40, 3, 6))
    return layer.forward(x, rng.normal(size=(3, 6))), dh


def textbook(trace, dh):
    layer = trace.layer
    weights = (layer.W_F, layer.W_R, layer.b)
    return reference.by_lag(trace.x, trace.h[0], dh, *weights, *reference.PHI["tanh"])["W_R"]


@pytest.mark.parametrize(
    "steps", [range(40), [39], [0], [7, 8, 30], range(10, 25)], ids=lambda s: f"{len(s)} steps"
)
def test_loss_at_any_steps(case, steps):
    trace, dh = case
    at = np.zeros_like(dh)
    at[list(steps)] = dh[list(steps)]
    profile = bptt.by_lag(trace, at, keep_matrices=True)
    exact = textbook(trace, at)
    K = max(steps) + 1  # no loss step reaches further back
    assert relative(profile.matrices, exact[:K]) < 1e-13
    assert not exact[K:].any()
    assert np.isfinite(profile.log10_signal_by_step).any(1).sum() == len(steps)


def test_shares_and_norms_are_those_of_the_matrices(case):
    profile = bptt.by_lag(*case, keep_matrices=True)
    G, whole = profile.matrices, profile.dW_R
    assert np.allclose(profile.norm, np.linalg.norm(G, axis=(1, 2)), rtol=1e-13)
    assert np.allclose(profile.share, (G * whole).sum((1, 2)) / (whole**2).sum(), atol=1e-14)
    assert profile.share.sum() == pytest.approx(1, abs=1e-13)
    total = np.linalg.norm(G, axis=(1, 2)).sum()
    assert profile.cancellation == pytest.approx(total / np.linalg.norm(whole))
    assert profile.horizon(1.0) == 39
    k = profile.horizon(0.9)
    assert profile.norm[:k].sum() < 0.9 * total <= profile.norm[: k + 1].sum()


def test_signal_and_gains_by_loops(case):
    """‖D_k[t]‖, D_k W_R and D_{k+1} by the definition, one loss step at a time."""
    trace, dh = case
    profile = bptt.by_lag(trace, dh)
    W_R, slope = trace.layer.W_R, 1 - trace.h[1:] ** 2
    T = len(dh)
    for k in (0, 1, 5, 38):
        before, between, after, all_rows = [], [], [], []
        for t in range(k, T):
            D = dh[t] * slope[t]
            for j in range(1, k + 1):
                D = (D @ W_R) * slope[t - j]
            all_rows.append(np.linalg.norm(D, axis=1))
            if t > k:
                before.append(D)
                between.append(D @ W_R)
                after.append((D @ W_R) * slope[t - k - 1])
        rms = np.sqrt(np.mean(np.square(all_rows)))
        assert profile.signal[k] == pytest.approx(rms, rel=1e-12)
        norms = [np.linalg.norm(part) for part in (before, between, after)]
        assert profile.weight_gain[k] == pytest.approx(np.log(norms[1] / norms[0]), abs=1e-12)
        assert profile.activation_gain[k] == pytest.approx(np.log(norms[2] / norms[1]), abs=1e-12)


@pytest.mark.parametrize("max_lag", [0, 3, 38])
def test_max_lag_accounts_for_what_it_leaves_out(case, max_lag):
    whole = bptt.by_lag(*case, keep_matrices=True)
    cut = bptt.by_lag(*case, max_lag=max_lag, keep_matrices=True)
    assert (cut.matrices == whole.matrices[: max_lag + 1]).all()
    left_out = np.linalg.norm(whole.matrices[max_lag + 1 :].sum(0))
    assert cut.rest == pytest.approx(left_out / cut.norm.sum(), rel=1e-9)
    assert cut.residual < 1e-14


def test_max_lag_beyond_the_sequence(case):
    assert len(bptt.by_lag(*case, max_lag=1000).lags) == 40


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
def test_early_stop(rng, tolerance):
    layer = random_layer(rng, H=6, gain=0.3)
    trace = layer.forward(rng.normal(size=(60, 2, 3)))
    dh = rng.normal(size=(60, 2, 6))
    whole, cut = bptt.by_lag(trace, dh), bptt.by_lag(trace, dh, tolerance=tolerance)
    K = len(cut.lags)
    assert 1 < K < 60
    assert whole.norm[K:].sum() < tolerance * whole.norm.sum()
    assert cut.rest <= tolerance
    assert cut.residual < 1e-14


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_what_is_left_at_the_first_step_meets_no_state(rng, cell, monkeypatch):
    """A walk that stops one lag before the beginning leaves exactly nothing out, and takes no pass step by step to know it."""

    def never(*given):
        raise AssertionError("the scaled pass")

    monkeypatch.setattr(total, "whole_scaled", never)
    T = 12
    layer = {"lstm": bptt.LSTM, "gru": bptt.GRU, "rnn": bptt.RNN}[cell].init(3, 6, rng=rng, dtype="float64")  # fmt: skip
    trace = as_stack_trace(layer.forward(rng.normal(size=(T, 2, 3))))
    (cut,) = lags_of(trace, rng.normal(size=(T, 2, 6)), Walking(tolerance=0.9, least=T - 2))
    assert len(cut.norm) == T - 1
    assert cut.rest == 0
    assert cut.residual < 1e-14


def test_early_stop_waits_for_a_signal_that_comes_back():
    """The signal fades to 1e-8 and returns: the whole gradient is known, so stopping is not fooled."""
    T = 40
    # h = 1 throughout, so z_t - 1 is the input: its sign picks the slope.
    pair = (lambda z: np.ones_like(z), lambda z: np.where(z > 1, 10.0, 0.1))
    layer = bptt.RNN([[1.0]], [[1.0]], [0.0], pair)
    x = np.where(np.arange(T) < 20, 1.0, -1.0).reshape(T, 1, 1)
    trace = layer.forward(x, h0=[[1.0]])
    dh = np.zeros((T, 1, 1))
    dh[-1] = 1
    assert len(bptt.by_lag(trace, dh, tolerance=1e-6).lags) == T


def test_dead_units_end_the_signal(rng):
    """Relu units that are all off: the signal is exactly zero from there on, and stays so."""
    layer = random_layer(rng, activation="relu")
    x = rng.normal(size=(12, 2, 3))
    off = bptt.RNN(layer.W_F, layer.W_R, layer.b - 100, "relu")
    h0 = np.ones((2, 5))
    trace = off.forward(x, h0)
    profile = bptt.by_lag(trace, np.ones((12, 2, 5)))
    assert (profile.log10_norm == -np.inf).all()
    assert np.isnan(profile.share).all()
    assert profile.horizon() is None
    assert np.isnan(profile.rate)


def test_float32_agrees_with_float64(rng):
    a, b = (random_layer(np.random.default_rng(0), H=16, dtype=d) for d in ("float32", "float64"))
    x, dh = rng.normal(size=(50, 4, 3)), rng.normal(size=(50, 4, 16))
    single = bptt.by_lag(a.forward(x.astype("float32")), dh.astype("float32"))
    double = bptt.by_lag(b.forward(x), dh)
    assert np.abs(single.log10_norm[:-1] - double.log10_norm[:-1]).max() < 1e-3
    assert single.residual < 1e-5


def test_results_do_not_depend_on_a_second_run(case):
    a, b = bptt.by_lag(*case), bptt.by_lag(*case)
    assert (a.log10_norm == b.log10_norm).all()
    assert (a.share == b.share).all()


@pytest.mark.parametrize(
    ("options", "name"),
    [({"max_lag": -1}, "max_lag"), ({"tolerance": 1.0}, "tolerance"), ({"tolerance": -1}, "tolerance")],
)  # fmt: skip
def test_refused(case, options, name):
    with pytest.raises(OptionError, match=f"^{name}: expected"):
        bptt.by_lag(*case, **options)


def test_no_loss_reaches_the_layer(case):
    trace, dh = case
    with pytest.raises(OptionError, match="dh: expected a loss that reaches this layer"):
        bptt.by_lag(trace, 0 * dh)


def test_profile_refuses(case):
    profile = bptt.by_lag(*case)
    with pytest.raises(OptionError, match=r"^p: expected"):
        profile.horizon(0)
    with pytest.raises(OptionError, match=r"^lag: expected"):
        profile.log10_attenuation(40)


def test_a_wrong_decomposition_is_refused(case, monkeypatch):
    """The residual is checked on every run: a walk that loses part of the gradient must raise."""
    from bptt.errors import ResidualError
    from bptt.gradients.by_lag import walk

    whole = walk.whole

    def off_by_one_part_in_1e9(trace, errors):
        found = whole(trace, errors)
        found[0].M *= 1 + 1e-9
        return found

    monkeypatch.setattr(walk, "whole", off_by_one_part_in_1e9)
    with pytest.raises(ResidualError, match="by_lag: expected lags that add up to dW_R"):
        bptt.by_lag(*case)


@pytest.mark.parametrize("cell", [bptt.RNN, bptt.LSTM, bptt.GRU], ids=lambda c: c.__name__)
@pytest.mark.parametrize("more", [{}, {"max_lag": 9}, {"max_lag": 9, "loss_chunk": 5}], ids=str)
def test_loss_steps_that_lie_apart_are_walked_without_the_steps_between(
    rng, monkeypatch, cell, more
):
    stack = bptt.Stack(
        [cell.init(3, 5, rng=0, dtype="float64"), cell.init(5, 4, rng=1, dtype="float64")]
    )
    resets = rng.random((30, 3)) < 0.05
    masks = [None, 2.0 * (rng.random((30, 3, 5)) < 0.5)]
    trace = stack.forward(rng.normal(size=(30, 3, 3)), resets=resets, masks=masks)
    dh = np.zeros((30, 3, 4))
    dh[5::4] = rng.normal(size=dh[5::4].shape)
    dh[9] = 0  # a step that is missing
    apart = bptt.by_lag(trace, dh, keep_matrices=True, **more)
    monkeypatch.setattr("bptt.gradients.by_lag.walk.stride_of", lambda trace, errors: 1)
    for own, plain in zip(apart, bptt.by_lag(trace, dh, keep_matrices=True, **more), strict=True):
        assert relative(own.matrices, plain.matrices) < 1e-12
        for name in ("log10_norm", "log10_signal", "gain", "kept"):
            assert np.allclose(getattr(own, name), getattr(plain, name), rtol=1e-12, atol=1e-12)
        assert np.allclose(own.log10_signal_by_step, plain.log10_signal_by_step, atol=1e-6)
        assert own.rest == pytest.approx(plain.rest, rel=1e-12)


def test_lags_too_small_to_count_are_not_formed_and_their_signal_goes_on(rng, monkeypatch):
    layer = random_layer(rng, H=6, gain=0.3)
    trace = as_stack_trace(layer.forward(rng.normal(size=(60, 3, 3))))
    dh = rng.normal(size=(60, 3, 6))
    formed, add = [], Bill.add
    monkeypatch.setattr(Bill, "add", lambda self, *lags: formed.extend(lags) or add(self, *lags))
    (whole,) = lags_of(trace, dh, Walking())
    assert len(formed) == 60
    formed.clear()
    (short,) = lags_of(trace, dh, Walking(negligible=1e-12))
    left = len(formed)
    assert 5 < left < 40
    assert np.allclose(short.log10_norm[:left], whole.log10_norm[:left], rtol=0, atol=1e-12)
    assert (short.log10_norm[left:] == -np.inf).all()
    assert (whole.norm[left:] < 1e-12 * whole.norm.sum()).all()
    for name in ("log10_signal", "gain", "log10_signal_by_step"):
        assert np.allclose(getattr(short, name), getattr(whole, name), rtol=0, atol=1e-6)
    assert np.allclose(np.exp(short.kept), np.exp(whole.kept), rtol=0, atol=1e-10)


@pytest.mark.parametrize("steps", [range(40), range(4, 40, 7)], ids=["matrices", "pairs of steps"])
def test_each_sequence_by_itself(rng, steps):
    layer = bptt.LSTM.init(3, 6, rng=0, dtype="float64")
    x, dh = rng.normal(size=(40, 4, 3)), np.zeros((40, 4, 6))
    dh[list(steps)] = rng.normal(size=(len(steps), 4, 6)) * np.array([1, 10, 1e-3, 1e30])[:, None]
    trace = as_stack_trace(layer.forward(x))
    (profile,) = lags_of(trace, dh, Walking(by_sequence=True))
    alone = [bptt.by_lag(layer.forward(x[:, [b]]), dh[:, [b]]) for b in range(4)]
    for name in ("log10_norm", "log10_signal"):
        expected = np.stack([getattr(own, name) for own in alone], axis=1)
        assert np.allclose(getattr(profile.apart, name), expected, rtol=0, atol=1e-12)
    horizons = [own.horizon() for own in alone]
    assert profile.apart.horizon_error() == pytest.approx(np.std(horizons, ddof=1) / 2)
    growth = [own.log10_growth[7] for own in alone]
    assert profile.apart.growth_error(7) == pytest.approx(np.std(growth, ddof=1) / 2)
