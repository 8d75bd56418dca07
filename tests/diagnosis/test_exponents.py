"""How much of a sequence the leading exponents of a layer are computed over."""

import numpy as np
import pytest

import bptt
from bptt.diagnosis import layer as module
from bptt.diagnosis.layer import EXPONENTS, FEWEST_STEPS, leading_exponents


@pytest.mark.parametrize(("worth", "steps"), [(1e10, 900), (2 * 2 * EXPONENTS * 144 * 400, 400), (1.0, FEWEST_STEPS)])  # fmt: skip
def test_of_a_wide_layer_they_are_those_of_its_last_steps(rng, monkeypatch, worth, steps):
    """As many as the time allows, and never less than some: what they are is what the end of the sequence gives."""
    layer = bptt.RNN.init(3, 12, rng=0, dtype="float64")
    x = rng.standard_normal((900, 2, 3))
    trace = layer.forward(x)
    monkeypatch.setattr(module, "WORTH", worth)
    found = leading_exponents(trace)
    end = layer.forward(x[900 - steps :], trace.h[900 - steps])
    expected = bptt.lyapunov(end, count=EXPONENTS)
    assert found.steps == expected.steps
    assert np.allclose(found.exponents, expected.exponents, rtol=0, atol=1e-12)
    assert np.allclose(found.stderr, expected.stderr, rtol=0, atol=1e-12)
