"""The walk without the weight gradients gives the signals of the walk with them, bit for bit."""

import numpy as np
import pytest

import bptt
from bptt.gradients.by_lag import loss_steps, signal_by_lag
from bptt.layers.stack_errors import immediate_errors

T, B, I, H = 14, 5, 3, 6
BODIES = {
    "rnn": {},
    "steep": {"gain": 40.0, "activation": "identity"},
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "cho_gru": {"cell": "cho_gru"},
    "two layers": {"layers": 2},
    "both ways": {"bidirectional": True, "layers": 2},
}


def run_of(name, at, lengths=None):
    rng = np.random.default_rng(0)
    net = bptt.Network.init(I, H, 2, loss_at=at, rng=1, **BODIES[name])
    x = rng.standard_normal((T, B, I)).astype("f4")
    targets = rng.integers(0, 2, (T, B) if at == "every" else B)
    run = net.run(x, targets, lengths=lengths)
    return run.stack_trace, immediate_errors(run.stack_trace, run.dh)


def check(trace, errors, max_lag):
    whole = bptt.by_lag(trace, errors, max_lag=max_lag)
    alone = signal_by_lag(trace, errors, max_lag)
    for mine, theirs in zip(alone, whole, strict=True):
        np.testing.assert_array_equal(mine.log10_signal, theirs.log10_signal)
        assert mine.first_lag == theirs.first_lag
        assert mine.log10_attenuation(max_lag) == theirs.log10_attenuation(max_lag)


@pytest.mark.parametrize("lengths", [None, np.array([14, 9, 12, 14, 10])])
@pytest.mark.parametrize("at", ["last", "every"])
@pytest.mark.parametrize("name", BODIES)
def test_the_same_signals(name, at, lengths):
    check(*run_of(name, at, lengths), max_lag=8)


def test_in_chunks_of_loss_steps(monkeypatch):
    monkeypatch.setattr(loss_steps, "fitting_chunk", lambda *of: 4)
    trace, errors = run_of("rnn", "every")
    check(trace, errors, max_lag=2)
