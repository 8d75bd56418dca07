"""bptt.nn.check: two copies of a model compared, from the same random numbers; the model stays as it is."""

import copy

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import AgreementError, OptionError
from bptt.nn import loops


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.encoder = nn.GRU(3, 5, num_layers=2, dropout=0.5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, x, scale=1.0):
        out, h = self.encoder(self.norm(x.transpose(1, 2)).transpose(1, 2))
        return {"y": self.head(out) * scale, "h": h}


def test_it_agrees_and_leaves_everything():
    torch.manual_seed(0)
    model, x = Model(), torch.randn(4, 6, 3)
    before, numbers = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    for batch in (x, (x, 2.0), {"x": x, "scale": 2.0}):
        agreement = bptt.nn.check(model, batch)
        assert agreement.layers == 1
        assert agreement.outputs < 1e-5
        assert max(agreement.gradients.values()) < 1e-4
        assert {"encoder.weight_hh_l1", "head.bias", "batch[0]"} <= agreement.gradients.keys()
        assert repr(agreement).startswith("1 layer accelerated: outputs agree to ")
    assert type(model.encoder) is nn.GRU
    assert torch.equal(torch.get_rng_state(), numbers)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    bptt.accelerate(model)
    bptt.nn.check(
        model, (x, torch.zeros(4, 6, 2)), lambda m, b: (m(b[0])["y"] - b[1]).square().mean()
    )
    assert type(model.encoder) is bptt.nn.GRU


def test_a_difference_is_an_error(monkeypatch):
    forward = loops.forward

    def off(*args):
        out, *states = forward(*args)
        return (out + 1e-2, *states)

    monkeypatch.setattr(loops, "forward", off)
    with pytest.raises(
        AgreementError, match=r"bptt\.restore\(model\) gives PyTorch's own layers back"
    ):
        bptt.nn.check(nn.GRU(3, 5), torch.ones(4, 2, 3))


def test_nothing_to_compare():
    with pytest.raises(OptionError, match="no recurrent layer"):
        bptt.nn.check(nn.Linear(2, 2), torch.ones(2))
    with pytest.raises(OptionError, match="Pass a loss"):
        bptt.nn.check(Silent(), torch.ones(4, 2, 3))


class Silent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 5)

    def forward(self, x):
        return str(self.rnn(x)[0].shape)


def test_what_is_not_finite_in_both_agrees():
    layer, x = nn.GRU(3, 5), torch.ones(4, 2, 3)
    x[1, 0, 0] = torch.nan
    assert bptt.nn.check(layer, x).outputs < 1e-5
