"""What a carry must pass on, against the carry itself."""

import math

import numpy as np
import pytest

import bptt
from bptt.dynamics import bias_that_keeps, longest_memory, strength_that_keeps
from bptt.errors import OptionError


@pytest.mark.parametrize(("lag", "bias"), [(1, -2.1972), (50, 3.0549), (150, 4.1689)])
def test_the_logit_by_hand(lag, bias):
    f = math.exp(math.log(0.1) / lag)
    assert strength_that_keeps(0.1, lag) == pytest.approx(f, rel=1e-14)
    assert bias_that_keeps(0.1, lag) == pytest.approx(math.log(f / (1 - f)), rel=1e-12)
    assert bias_that_keeps(0.1, lag) == pytest.approx(bias, abs=1e-4)


def test_a_long_lag_loses_no_digits():
    """1 - 0.1^(1/k) is k of 2.3 parts: in float64 the plain logit has lost ten digits by 1e10."""
    assert bias_that_keeps(0.1, 1e10) == pytest.approx(math.log(1e10 / math.log(10)), rel=1e-9)


@pytest.mark.parametrize("kind", [bptt.LSTM, bptt.GRU])
def test_a_tenth_is_left_where_the_bias_alone_opens_the_gate(kind):
    lag = 30
    layer = kind.init(1, 4, rng=0, dtype="float64")
    for weights in (layer.W_F, layer.W_R, layer.b):
        weights[...] = 0
    layer.gate(layer.cell.carry_gate, "b")[...] = bias_that_keeps(0.1, lag)
    trace = layer.forward(np.zeros((lag + 1, 1, 1)))
    strength = trace.gate(layer.cell.carry_gate)[1:].prod(axis=0)
    np.testing.assert_allclose(strength, 0.1, rtol=1e-12)


@pytest.mark.parametrize(
    ("part", "lag", "name"), [(0, 5, "part"), (1, 5, "part"), (0.1, 0, "lag"), (0.1, -3, "lag")]
)
def test_what_no_gate_can_keep_is_refused(part, lag, name):
    with pytest.raises(OptionError, match=name):
        bias_that_keeps(part, lag)


@pytest.mark.parametrize("lag", [20, 150, 1000])
def test_of_the_memories_that_chrono_draws_three_in_four_keep_a_tenth(lag):
    b = np.log(np.random.default_rng(0).uniform(1, longest_memory(lag) - 1, 100_000))
    kept = (1 + np.exp(-b)) ** -lag
    assert (kept >= 0.1).mean() == pytest.approx(1 - 1 / (2 * math.log(10)), abs=0.03)
