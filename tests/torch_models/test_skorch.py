"""A skorch net is the module that it holds."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("skorch")

import skorch
import torch
from torch import nn

import bptt
from bptt.errors import OptionError


class Forecaster(nn.Module):
    def __init__(self, hidden=6):
        super().__init__()
        self.rnn, self.out = nn.GRU(2, hidden, batch_first=True), nn.Linear(hidden, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def made():
    torch.manual_seed(0)
    return skorch.NeuralNetRegressor(Forecaster, module__hidden=5, max_epochs=2, lr=0.1, verbose=0)


def data():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(20, 9, 2, generator=generator), torch.randn(20, 1, generator=generator)


def loss(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def test_diagnose():
    net, batch = made().initialize(), data()
    report = bptt.diagnose(net, batch, loss)
    expected = bptt.diagnose(net.module_, batch, loss)
    (name,) = report.layers
    assert name == "rnn.0"
    assert (report.layers[name].profile.norm == expected.layers[name].profile.norm).all()
    assert report.title == "Forecaster"
    net.fit(*data())
    after = bptt.diagnose(net, batch, loss)
    assert after.diagnosis.E == pytest.approx(float(loss(net.module_, batch).detach()), rel=1e-6)


def test_monitor_around_fit():
    """fit() of an initialised net goes on with its module: warm_start."""
    net, lines = made().set_params(warm_start=True, batch_size=4).initialize(), []
    with bptt.Monitor(net, data(), loss, every=4, log=lines.append):
        net.fit(*data())
    assert [line["step"] for line in lines] == [0, 4]  # two epochs of 16 sequences in fours
    assert lines[0]["bptt/rnn.0/horizon"] >= 0


@pytest.mark.parametrize("door", [bptt.diagnose, bptt.Monitor])
def test_before_it_is_initialised(door):
    with pytest.raises(OptionError, match=r"holds its module, got .*Call net\.initialize\(\)"):
        door(made(), data(), loss)
