"""The truncation bill, predicted from one decomposition, against truncated BPTT that was really run."""

import numpy as np
import pytest

import bptt
from bptt.errors import NonFiniteError, OptionError
from tests.conftest import relative

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
    assert truncation.relative_bias == pytest.approx(bias, abs=1e-12)
    assert truncation.cosine == pytest.approx(cosine, abs=1e-12)


@pytest.mark.parametrize("K", [1, 2, 5, 13, 22, 23, 40])
def test_sliding_window(case, K):
    profile = bptt.by_lag(*case)
    compare(bptt.truncated_bptt(*case, k1=1, k2=K), profile, profile.truncation(K))


def exactly(profile, K, chunked):
    """Bias and cosine from the matrices themselves, with 60 digits."""
    from mpmath import matrix, mp, mpf, sqrt

    with mp.workdps(60):
        G = [matrix(each.tolist()) for each in profile.matrices]
        whole, kept = sum(G[1:], G[0]), 0 * G[0]
        for k, each in enumerate(G[:K]):
            kept += each * ((1 - mpf(k) / K) if chunked else 1)

        def dot(a, b):
            return sum(x * y for x, y in zip(a, b, strict=True))

        left = kept - whole
        bias = sqrt(dot(left, left) / dot(whole, whole))
        return float(bias), float(dot(kept, whole) / sqrt(dot(kept, kept) * dot(whole, whole)))


@pytest.mark.parametrize("gain", [0.2, 1.0, 3.0, 30.0, 1e6])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_may_be_next_to_nothing_of_the_whole(gain, seed):
    """Exploding: the first lags are 1e-10, or 1e-100, of dW_R, and have a direction all the same."""
    rng, steps, H = np.random.default_rng(seed), 18, 3
    layer = bptt.RNN(
        rng.normal(size=(H, 2)), gain * rng.normal(size=(H, H)) / H**0.5, np.zeros(H), "identity"
    )
    trace = layer.forward(1e-3 * rng.normal(size=(steps, 2, 2)), rng.normal(size=(2, H)))
    dh = np.zeros((steps, 2, H))
    dh[-3:] = rng.normal(size=(3, 2, H))
    profile = bptt.by_lag(trace, dh, keep_matrices=True)
    for chunked in (False, True):
        for K in range(1, steps + 12, 2):
            found, (bias, cosine) = profile.truncation(K, chunked), exactly(profile, K, chunked)
            assert found.relative_bias == pytest.approx(bias, rel=1e-9, abs=1e-12)
            assert found.cosine == pytest.approx(cosine, abs=1e-9)
            assert -1 <= found.cosine <= 1
        for wanted in (0.9, 0.3, 1e-3):
            K = profile.shortest_truncation(wanted, chunked)
            biases = [exactly(profile, k, chunked)[0] for k in range(1, steps + 1)]
            late = [k for k, bias in enumerate(biases, 1) if bias > wanted]
            if K <= steps:
                assert K == (late[-1] + 1 if late else 1)
            else:
                assert chunked
                assert exactly(profile, K, True)[0] <= wanted < exactly(profile, K - 1, True)[0]


@pytest.mark.parametrize("K", [1, 2, 5, 13, 22, 23, 40])
def test_chunks_at_every_offset(case, K):
    profile = bptt.by_lag(*case)
    kept = np.mean([bptt.truncated_bptt(*case, K, K, offset) for offset in range(K)], axis=0)
    compare(kept, profile, profile.truncation(K, chunked=True))


@pytest.fixture(scope="module")
def by_loss_and_step():
    """A tanh network of 12 steps, and C[t, s]: what the loss of step t adds to dW_R by way of step s."""
    rng, H, longest = np.random.default_rng(7), 3, 12
    W_F, W_R = rng.normal(size=(H, 2)), rng.normal(size=(H, H))
    x, dh = rng.normal(size=(longest, 1, 2)), rng.normal(size=(longest, 1, H))
    h, C = [np.zeros(H)], np.zeros((longest, longest, H, H))
    for t in range(longest):
        h.append(np.tanh(W_F @ x[t, 0] + W_R @ h[-1]))
        error = dh[t, 0]
        for s in range(t, -1, -1):
            dz = error * (1 - h[s + 1] ** 2)
            C[t, s] = np.outer(dz, h[s])
            error = dz @ W_R
    return bptt.RNN(W_F, W_R, np.zeros(H)), x, dh, C


@pytest.mark.parametrize("T", range(1, 13))
def test_every_combination_is_the_textbook_loop(by_loss_and_step, T):
    """Blocks end at offset, offset + k1, ...; a block's losses go back to k2 steps before its end."""
    layer, x, dh, C = by_loss_and_step
    trace = layer.forward(x[:T])
    for k1, k2 in np.ndindex(13, 13):
        for offset in {0, k1 // 2, k1 - 1} if k1 and k2 else ():
            expected = np.zeros_like(layer.W_R)
            end = offset or k1
            for t in range(T):
                while t >= end:
                    end += k1
                for s in range(max(0, end - k2), t + 1):
                    expected += C[t, s]
            found = bptt.truncated_bptt(trace, dh[:T], k1, k2, offset)
            assert np.abs(found - expected).max() < 1e-13, (k1, k2, offset)


def test_large_errors_through_large_weights_meet_no_zero_as_infinity():
    """Unit 1 is saturated at step 0: what W_R sends there, 2^149, is beyond the type, and reaches nothing."""
    W_F, W_R = np.diag([-(2.0**69), 200]), np.array([[0, 2.0**69], [0, 0]])
    layer = bptt.RNN(*(a.astype("float32") for a in (W_F, W_R, np.zeros(2))))
    trace = layer.forward(np.float32([[[0, 1]], [[1, 0]]]))
    dh = np.float32([[[0, 0]], [[2.0**80, 0]]])
    found = bptt.truncated_bptt(trace, dh, 2, 2)
    assert np.array_equal(found, [[0, 2.0**80], [0, 0]])


def test_errors_beyond_the_type_are_met_and_a_gradient_beyond_it_is_refused():
    """Two steps back an error of 1 is 2^140, and meets a state of 2^-126."""
    one = np.float32([[1]])
    layer = bptt.RNN(one, one * 2.0**70, np.float32([0]), "identity")
    x = np.zeros((4, 1, 1), "float32")
    x[0] = 2.0**-126
    trace = layer.forward(x)
    dh = np.float32([[[0]], [[0]], [[0]], [[1]]])
    for k2, lags in ((2, 2), (3, 3), (4, 3)):
        assert bptt.truncated_bptt(trace, dh, 4, k2) == lags * 2.0**14
    with pytest.raises(NonFiniteError, match="float64"):
        bptt.truncated_bptt(trace, dh * 2.0**120, 4, 4)


@pytest.mark.parametrize(("k1", "k2"), [(1, 3), (3, 3), (4, 2), (2, 7)])
def test_slopes_below_the_type_keep_their_digits(k1, k2):
    """softsign′(z) is 1e-42 for z of 1e21, a number of few digits in float32; with errors of 1e30 the gradient has them all."""
    rng = np.random.default_rng(3)
    x, dh = rng.normal(size=(6, 3, 4)) * 1e21, rng.normal(size=(6, 3, 5)) * 1e30
    W = rng.normal(size=(5, 4)), rng.normal(size=(5, 5)), rng.normal(size=5)
    found, exact = (
        bptt.truncated_bptt(
            bptt.RNN(*(a.astype(t) for a in W), "softsign").forward(x.astype(t)),
            dh.astype(t),
            k1,
            k2,
        )
        for t in ("float32", "float64")
    )
    assert 1e-14 < np.abs(exact).max() < 1e-8
    assert relative(found, exact) < 1e-5


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
        bptt.by_lag(*case).truncation(5).relative_bias, abs=1e-12
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
