"""Exact answers from an independent implementation: autograd with one copy of W_R per step."""

import numpy as np
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


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", ["gru_tanh_2layer_T10", "lstm_tanh_3layer_T8_last"])
def test_the_files_are_what_their_generator_computes(name, tmp_path, monkeypatch):
    from tests.golden import make

    assert make.difference(name) <= make.TOLERANCE
    arrays = make.stored(name)
    arrays["dW_R_by_lag"][0, 3, 0, 0] += 1e-9 * np.abs(arrays["dW_R_by_lag"]).max()
    np.savez(tmp_path / f"{name}.npz", **arrays)
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    assert make.difference(name) == pytest.approx(1e-9)


@pytest.mark.needs("torch")
def test_a_case_without_a_file_is_drawn_and_agrees(tmp_path, monkeypatch):
    from tests.golden import make

    monkeypatch.setattr(make, "FOLDER", tmp_path)
    monkeypatch.setattr(make, "INDEX", {"rnn": make.INDEX["rnn_relu_1layer_T12"]})
    make.write()
    arrays = make.stored("rnn")
    layer = bptt.RNN(*(arrays[f"layer0.{p}"] for p in ("W_F", "W_R", "b")), "relu")
    profile = bptt.by_lag(
        layer.forward(arrays["x"], arrays["h0"][0]), arrays["dh"], keep_matrices=True
    )
    assert relative(profile.matrices, arrays["dW_R_by_lag"][0]) < 1e-12
