"""The gradient by lag of drawn loss steps, against the decomposition by lag."""

import numpy as np
import pytest

import bptt
from bptt.layers.at_weights import errors_at_weights
from bptt.layers.stack_errors import immediate_errors
from bptt.prognoses.agreement import gradient
from bptt.prognoses.drawn import Drawn, draw, independent

T, B, I, H, O = 12, 5, 3, 4, 2
BODIES = {
    "rnn": {}, "lstm": {"cell": "lstm"}, "gru": {"cell": "gru"}, "cho_gru": {"cell": "cho_gru"}, "two layers": {"cell": "gru", "layers": 2},
    "both directions": {"cell": "lstm", "bidirectional": True},
}  # fmt: skip


def run_of(body, loss_at, lengths=None):
    network = bptt.Network.init(
        I, H, O, loss="mse", loss_at=loss_at, rng=0, dtype="float64", **BODIES[body]
    )
    rng = np.random.default_rng(1)
    x = rng.standard_normal((T, B, I))
    N = T if loss_at == "every" else 1
    run = network.run(x, rng.standard_normal((N, B, O)), lengths=lengths)
    return run, immediate_errors(run.stack_trace, run.dh)


def W_R_parts(vector, layers):
    """dW_R of each layer out of (P,)."""
    parts = []
    for layer in layers:
        n_R, n_F, n_b = layer.W_R.size, layer.W_F.size, len(layer.b)
        parts.append(vector[:n_R].reshape(layer.W_R.shape))
        vector = vector[n_R + n_F + n_b :]
    assert not len(vector)
    return parts


def from_lag(trace, errors, lag):
    """Per layer Σ_{k>=lag} G_k, by the walk back in lag."""
    profiles = bptt.by_lag(trace, errors, keep_matrices=True)
    return [np.sum(profile.matrices[lag:], axis=0) for profile in profiles]


@pytest.mark.parametrize("body", BODIES)
def test_errors_at_the_weights_add_up_to_the_gradient(body):
    run, errors = run_of(body, "every")
    grads = run.network.stack.backward(run.stack_trace, errors).layers
    for at, grad in zip(errors_at_weights(run.stack_trace, errors), grads, strict=True):
        for gate in at.cell.gates:
            own = at.cell.block(gate, at.h.shape[-1])
            h = at.saved[..., : at.h.shape[-1]] * at.h if at.cell.scaled_by.get(gate) else at.h
            found = np.einsum("tbg,tbh->gh", at.dz_R[..., own], h)
            np.testing.assert_allclose(found, grad.dW_R[own], atol=1e-14)
        whole = np.concatenate([grad.dW_R.ravel(), grad.dW_F.ravel(), grad.db])
        np.testing.assert_allclose(at.gradient(slice(None), None), whole, atol=1e-14)
        np.testing.assert_allclose(np.einsum("tbg,tbi->gi", at.dz_F, at.x), grad.dW_F, atol=1e-14)
        np.testing.assert_allclose(at.dz_F.sum((0, 1)), grad.db, atol=1e-14)


@pytest.mark.parametrize("lag", [0, 1, 5, 11])
@pytest.mark.parametrize("body", BODIES)
def test_one_loss_step_gives_the_lags_exactly(body, lag):
    run, errors = run_of(body, "last")
    far = []
    layers = []
    for trace, own in independent(run.stack_trace, errors):
        drawn = draw(trace, own, lag, np.random.default_rng(0))
        assert (drawn.t == drawn.t[0]).all()  # there is nothing to draw
        far += W_R_parts(gradient(drawn, drawn.at_weights(drawn.D), lag, None), trace.stack.layers)
        layers += trace.stack.layers
    assert len(layers) == len(far)
    for mine, theirs in zip(far, from_lag(run.stack_trace, errors, lag), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-13 * np.abs(theirs).max())


@pytest.mark.parametrize("body", ["rnn", "lstm", "gru", "cho_gru", "two layers"])
@pytest.mark.parametrize("lengths", [None, np.array([12, 7, 4, 9, 12])])
def test_a_drawn_loss_step_is_right_on_average(body, lengths):
    """The mean over all draws, each as likely as the others, is the gradient of all loss steps."""
    lag = 4
    run, errors = run_of(body, "every", lengths)
    reach = np.any([d.any(-1) for d in errors], axis=0)
    total = 0.0
    for t in range(lag, T):  # every sequence's share of this loss step, added up one step at a time
        here = np.where(reach[t], t, -1)
        if not (here >= 0).any():
            continue
        D = np.concatenate([d[t] for d in errors], axis=1)
        drawn = Drawn(run.stack_trace, here, D)
        total = total + gradient(drawn, drawn.at_weights(D), lag, None)
    for mine, theirs in zip(
        W_R_parts(total, run.stack_trace.stack.layers),
        from_lag(run.stack_trace, errors, lag),
        strict=True,
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-13 * np.abs(theirs).max())
    # and the draw takes each of them equally often, with the weight that makes up for the others
    rng, counts = np.random.default_rng(0), np.zeros((T, B))
    for _ in range(2000):
        drawn = draw(run.stack_trace, errors, lag, rng)
        taken = drawn.t >= 0
        counts[drawn.t[taken], np.flatnonzero(taken)] += 1
        eligible = reach[lag:].sum(0)
        expected = (
            np.concatenate([d[drawn.t, np.arange(B)] for d in errors], axis=1) * eligible[:, None]
        )
        np.testing.assert_allclose(drawn.D[taken], expected[taken])
    assert not counts[~(reach & (np.arange(T) >= lag)[:, None])].any()
    some = reach[lag:].sum(0) > 0
    share = counts[lag:, some] / 2000
    np.testing.assert_allclose(
        share, (reach[lag:] / np.maximum(1, reach[lag:].sum(0)))[:, some], atol=0.05
    )


def test_bands_of_lags_add_up():
    run, errors = run_of("two layers", "every")
    drawn = draw(run.stack_trace, errors, 5, np.random.default_rng(0))
    at = drawn.at_weights(drawn.D)
    parts = [gradient(drawn, at, *lags) for lags in ((5, None), (2, 5), (0, 2))]
    np.testing.assert_allclose(np.sum(parts, axis=0), gradient(drawn, at, 0, None), atol=1e-14)


def test_directions_that_follow_one_another_have_no_such_lag():
    network = bptt.Network.init(I, H, O, layers=2, bidirectional=True, loss_at="last", rng=0)
    run = network.run(np.ones((T, B, I), np.float32), np.zeros(B, int))
    assert independent(run.stack_trace, immediate_errors(run.stack_trace, run.dh)) is None


def test_a_sequence_without_enough_past_is_left_out():
    run, errors = run_of("rnn", "last", np.array([12, 3, 12, 5, 4]))
    drawn = draw(run.stack_trace, errors, 4, np.random.default_rng(0))
    assert drawn.t.tolist() == [11, -1, 11, 4, -1]
    assert draw(run.stack_trace, errors, 12, np.random.default_rng(0)) is None
