"""Layers to PyTorch and back: the same function, the same numbers."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import OptionError
from bptt.torch_models import from_torch, to_torch
from tests.cells.minimal_gated_unit import MinimalGatedUnit

I, H = 3, 5
MODULES = {
    "rnn": nn.RNN(I, H), "relu": nn.RNN(I, H, nonlinearity="relu"), "lstm": nn.LSTM(I, H),
    "gru": nn.GRU(I, H), "deep": nn.GRU(I, H, 3, bidirectional=True, dtype=torch.float64),
    "plain": nn.LSTM(I, H, 2, bias=False),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_there_and_back(name):
    module = MODULES[name]
    layer = from_torch(module)
    back = to_torch(layer)
    dtype = module.weight_hh_l0.dtype
    x = torch.randn(11, 2, I, dtype=dtype)
    with torch.no_grad():
        expected, again = module(x)[0], back(x)[0]
    trace = layer.forward(x.numpy())
    ours = trace.h[1:] if isinstance(trace, bptt.Trace) else trace.outputs
    assert np.allclose(ours, expected, atol=1e-6 if dtype == torch.float32 else 1e-14)
    assert torch.allclose(again, expected, atol=1e-6 if dtype == torch.float32 else 1e-14)
    assert repr(from_torch(back)) == repr(layer)


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_cells(cell):
    module = cell(I, H, dtype=torch.float64)
    x, state = torch.randn(7, 2, I, dtype=torch.float64), None
    for x_t in x:
        state = module(x_t, state)
    h = state[0] if isinstance(state, tuple) else state
    assert np.allclose(from_torch(module).forward(x.numpy()).h[-1], h.detach(), atol=1e-14)


def test_the_weights_are_copies():
    module = nn.RNN(I, H)
    layer = from_torch(module)
    layer.W_R[...] = 0
    assert module.weight_hh_l0.abs().min() > 0


def test_refused():
    with pytest.raises(OptionError, match=r"nn\.RNN, nn\.LSTM, nn\.GRU"):
        from_torch(nn.Linear(2, 2))
    with pytest.raises(OptionError, match="proj_size=2"):
        from_torch(nn.LSTM(I, H, proj_size=2))
    with pytest.raises(OptionError, match="tanh or relu"):
        to_torch(bptt.RNN.init(I, H, activation="softsign", rng=0))
    with pytest.raises(OptionError, match="levels of one kind"):
        to_torch(bptt.Stack([bptt.RNN.init(I, H, rng=0), bptt.GRU.init(H, H, rng=0)]))
    with pytest.raises(
        OptionError, match="layer: expected an RNN, LSTM or GRU, got MinimalGatedUnit"
    ):
        bptt.to_torch(MinimalGatedUnit.init(2, 3, rng=0))
