"""One batch, whose sequences are grouped, against groups that are run one by one."""

from types import SimpleNamespace

import numpy as np
import pytest

import bptt
from bptt.layers.stack_errors import immediate_errors
from bptt.prognoses import Pass, measure, measure_batch
from bptt.prognoses.learner import GROUPS

T, B, LAG = 24, 2 * GROUPS, 10


def network(cell="rnn", layers=1, loss_at="last"):
    return bptt.Network.init(
        3, 8, 2, cell=cell, layers=layers, loss_at=loss_at, rng=0, dtype="float64"
    )


def passed(net, x, targets):
    run = net.run(x, targets)
    return Pass(run.E, 1.0, ((run.stack_trace, immediate_errors(run.stack_trace, run.dh)),))


def batch(rng=0, sequences=B):
    rng = np.random.default_rng(rng)
    x = rng.standard_normal((T, sequences, 3))
    return x, (x[T - 1 - LAG, :, 0] > 0).astype(int)


@pytest.mark.parametrize(("cell", "layers"), [("rnn", 1), ("gru", 2), ("cho_gru", 2), ("lstm", 1)])
def test_groups_of_a_batch_are_batches_of_their_own(cell, layers):
    net, (x, y) = network(cell, layers), batch()
    own = measure_batch(passed(net, x, y), update=7, needed_lag=LAG, batch=16, lr=0.01)
    groups = np.split(np.arange(B), GROUPS)  # of two sequences

    def passes(count):
        yield from (passed(net, x[:, g], y[g]) for g in groups[:count])

    apart = SimpleNamespace(
        updates=7, lr=0.01, batch=16, needed_lag=LAG, unit="", scale=1.0, remarks=(), passes=passes
    )
    other = measure(apart, GROUPS, GROUPS)
    assert own.update == 7
    assert own.loss == pytest.approx(other.loss, rel=1e-12)
    for name in ("agreement", "agreement_mid"):
        ours, theirs = getattr(own, name), getattr(other, name)
        for number in ("coherence", "error", "rate", "rate_error", "size"):
            assert getattr(ours, number) == pytest.approx(getattr(theirs, number), rel=1e-9), number


def test_the_same_group_again_and_again_agrees_wholly():
    (x, y), net = batch(sequences=2), network()
    x, y = np.tile(x, (1, GROUPS, 1)), np.tile([0, 1], GROUPS)
    own = measure_batch(passed(net, x, y), update=0, needed_lag=LAG, batch=2, lr=0.01)
    assert own.agreement.coherence == pytest.approx(1, abs=1e-12)
    assert own.agreement.error == pytest.approx(0, abs=1e-9)


def test_what_a_batch_is_too_small_for_is_left_out():
    net = network()
    few = measure_batch(passed(net, *batch(sequences=3)), update=0, needed_lag=LAG, batch=8, lr=0.01)  # fmt: skip
    assert (few.agreement, few.agreement_mid, few.form) == (None, None, None)
    assert np.isfinite(few.log10_attenuation)
    some = measure_batch(passed(net, *batch(sequences=63)), update=0, needed_lag=LAG, batch=8, lr=0.01)  # fmt: skip
    assert some.agreement is not None
    assert some.form is None
    many = measure_batch(passed(net, *batch(sequences=64)), update=0, needed_lag=LAG, batch=8, lr=0.01)  # fmt: skip
    assert 0 <= many.form <= 1
