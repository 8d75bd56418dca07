"""Data that nobody standardised: the report says that they saturate the units, and what to do."""

import numpy as np
import pytest

import bptt
from bptt.report.plain_words import CAUSES


def layer_on(size, cell, dtype="float32", mean=0.0):
    net = bptt.Network.init(3, 16, 2, cell=cell, rng=0, loss_at="last", dtype=dtype)
    rng = np.random.default_rng(1)
    x = (mean + size * rng.standard_normal((40, 8, 3))).astype(dtype)
    return bptt.diagnose(net, (x, rng.integers(0, 2, 8)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [100.0, 3000.0, 50_000.0])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_they_are_the_cause(cell, size, dtype):
    report = layer_on(size, cell, dtype)
    (layer,) = report.layers.values()
    assert layer.verdict == "vanishing"
    assert layer.cause.name == "inputs too large"
    assert layer.cause.number == pytest.approx(size, rel=0.1)
    assert f"saturated by inputs of size {layer.cause.number:.3g}" in layer.cause.sentence
    assert "standardise" in layer.cause.sentence
    assert layer.advice[0].sentence.startswith("Standardise the inputs")
    assert CAUSES["inputs too large"] in report.html()


@pytest.mark.parametrize("size", [100.0, 50_000.0])
def test_an_lstm_whose_carry_is_shut_by_them(size):
    report = layer_on(size, "lstm")
    (layer,) = report.layers.values()
    assert layer.profile.residual < 1e-5
    if layer.verdict == "vanishing":
        assert layer.cause.name == "inputs too large"


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_data_of_size_one_are_not_blamed(cell):
    (layer,) = layer_on(1.0, cell).layers.values()
    assert layer.cause.name != "inputs too large"
