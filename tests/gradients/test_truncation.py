"""The truncation bill, predicted from one decomposition, against truncated BPTT that was really run."""

import numpy as np
import pytest

import bptt
from bptt.errors import OptionError

T = 23


@pytest.fixture(params=["rnn", "lstm", "gru", "cho_gru"])
def case(request, rng):
    net = bptt.Network.init(
        3, 5, 2, "gaussian", cell=request.param, gain=1.3, rng=rng, dtype="float64"
    )
    trace = net.body.forward(rng.normal(size=(T, 2, 3)), rng.normal(size=(2, 5)))
    return trace, rng.normal(size=(T, 2, 5))


def compare(kept, profile, truncation):
    whole = profile.dW_R
    bias = np.linalg.norm(kept - whole) / np.linalg.norm(whole)
    cosine = (kept * whole).sum() / np.linalg.norm(kept) / np.linalg.norm(whole)
    assert truncation.relative_bias == pytest.approx(bias, abs=1e-8)  # the root of a difference
    assert truncation.cosine == pytest.approx(cosine, abs=1e-10)


@pytest.mark.parametrize("K", [1, 2, 5, 13, 22, 23, 40])
def test_sliding_window(case, K):
    profile = bptt.by_lag(*case)
    compare(bptt.truncated_bptt(*case, k1=1, k2=K), profile, profile.truncation(K))


@pytest.mark.parametrize("K", [1, 2, 5, 13, 22, 23, 40])
def test_chunks_at_every_offset(case, K):
    profile = bptt.by_lag(*case)
    kept = np.mean([bptt.truncated_bptt(*case, K, K, offset) for offset in range(K)], axis=0)
    compare(kept, profile, profile.truncation(K, chunked=True))


def test_chunks_are_the_gradient_with_a_detached_state(case):
    """k1 = k2 = K, offset 0: the chunks run as sequences of their own, states carried in."""
    trace, dh = case
    K, kept = 6, 0.0
    for first in range(0, T, K):
        x = trace.x[first : first + K]
        states = [state[first] for state in trace.states]
        part = trace.layer.forward(x, *states)
        kept = kept + trace.layer.backward(part, dh[first : first + K]).dW_R
    assert np.abs(kept - bptt.truncated_bptt(trace, dh, K, K)).max() < 1e-13


def test_the_whole_sequence(case):
    whole = case[0].layer.backward(*case).dW_R
    for k1 in (1, 4, T):
        assert np.abs(bptt.truncated_bptt(*case, k1=k1, k2=T + k1) - whole).max() < 1e-13


def test_shortest(case):
    profile = bptt.by_lag(*case)
    for chunked in (False, True):
        K = profile.shortest_truncation(0.2, chunked)
        assert profile.truncation(K, chunked).relative_bias <= 0.2
        if K > 1:
            assert profile.truncation(K - 1, chunked).relative_bias > 0.2


def test_forum_recipe_counts_twice():
    """x_0 = 0.9, x_t = 0.2 x_{t-1}: dx_3/dw = 3 w² x_0 = 0.108; a well-known recipe gives 0.288."""
    layer = bptt.RNN([[0.0]], [[0.2]], [0.0], "identity")
    trace = layer.forward(np.zeros((3, 1, 1)), h0=[[0.9]])
    dh = np.zeros((3, 1, 1))
    dh[-1] = 1
    for k1, k2 in [(1, 3), (3, 3), (1, 10), (2, 4)]:
        assert bptt.truncated_bptt(trace, dh, k1, k2)[0, 0] == pytest.approx(0.108, abs=1e-15)
    assert bptt.truncated_bptt(trace, dh, 1, 2)[0, 0] == pytest.approx(0.072, abs=1e-15)


def test_cut_profiles_know_what_they_lack(case):
    profile = bptt.by_lag(*case, max_lag=4)
    assert profile.truncation(5).relative_bias == pytest.approx(
        bptt.by_lag(*case).truncation(5).relative_bias, abs=1e-8
    )
    with pytest.raises(OptionError, match="K: expected a whole number from 1 to 5"):
        profile.truncation(6)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (lambda t, d: bptt.truncated_bptt(t, d, 0, 1), "k1"),
        (lambda t, d: bptt.truncated_bptt(t, d, 1, 0), "k2"),
        (lambda t, d: bptt.truncated_bptt(t, d, 2, 2, offset=2), "offset"),
        (lambda t, d: bptt.by_lag(t, d).truncation(0), "K"),
        (lambda t, d: bptt.by_lag(t, d).shortest_truncation(0), "relative_bias"),
    ],
)
def test_refused(case, action, name):
    with pytest.raises(OptionError, match=f"^{name}: expected"):
        action(*case)
