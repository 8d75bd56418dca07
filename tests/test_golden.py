"""Exact answers from an independent implementation: autograd with one copy of W_R per step."""

import pytest

import bptt
from tests.conftest import golden, golden_names, relative


@pytest.mark.parametrize("name", golden_names("rnn", layers=1))
def test_one_layer(name):
    case, arrays = golden(name)
    layer = bptt.RNN(*(arrays[f"layer0.{p}"] for p in ("W_F", "W_R", "b")), case["activation"])
    trace = layer.forward(arrays["x"], arrays["h0"][0])
    profile = bptt.by_lag(trace, arrays["dh"], keep_matrices=True)
    exact = arrays["dW_R_by_lag"][0]
    assert relative(trace.h[1:], arrays["h_top"]) < 1e-14
    assert relative(profile.matrices, exact) < 1e-12
    assert relative(profile.dW_R, exact.sum(0)) < 1e-12
    assert relative(layer.backward(trace, arrays["dh"]).dW_R, exact.sum(0)) < 1e-12
    assert relative(bptt.forward_mode(layer, arrays["x"], arrays["dh"], arrays["h0"][0]),
                    exact.sum(0)) < 1e-12  # fmt: skip
    assert profile.residual < 1e-14
