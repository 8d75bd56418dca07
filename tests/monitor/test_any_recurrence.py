"""A training of a model whose recurrence is not one of PyTorch's layers, watched: the same figures as of those."""

import pytest
import torch
from torch import nn

import bptt
from bptt.errors import OptionError

pytest.importorskip("transformers", reason="pip install transformers")
from transformers import MambaConfig, MambaForCausalLM


class Keeping(nn.Module):
    """A step that keeps most of its state."""

    def __init__(self):
        super().__init__()
        self.drive, self.turn = nn.Linear(2, 8), nn.Linear(8, 8, bias=False)

    def forward(self, x, h):
        return 0.9 * h + 0.1 * torch.tanh(self.drive(x) + self.turn(h))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.core, self.out = Keeping(), nn.Linear(8, 2)

    def forward(self, x):
        h = x.new_zeros(len(x), 8)
        for t in range(x.shape[1]):
            h = self.core(x[:, t], h)
        return self.out(h)


def by_class(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def next_token(model, batch):
    return model(batch, labels=batch).loss


def tagger():
    torch.manual_seed(0)
    return Tagger(), (torch.randn(6, 30, 2), torch.tensor([0, 1] * 3)), by_class


def mamba():
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1, state_size=4)
    return MambaForCausalLM(config), torch.randint(0, 12, (4, 24)), next_token


@pytest.mark.parametrize(
    ("made", "name"),
    [(tagger, "core"), (mamba, "backbone.layers.0.mixer")],
    ids=["steps", "a scan"],
)
def test_the_figures_are_those_of_a_diagnosis(made, name):
    model, batch, loss = made()
    lines = []
    report = bptt.diagnose(model, batch, loss, needed_lag=10, progress=False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    monitor = bptt.Monitor(model, batch, loss, every=2, log=lines.append, needed_lag=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    with monitor:
        for _ in range(3):
            optimizer.zero_grad()
            loss(model, batch).backward()
            optimizer.step()
    assert [line["step"] for line in lines] == [0, 2]
    first, layer = lines[0], report.layers[name]
    assert first["bptt/problem"] is None
    assert first[f"bptt/{name}/verdict"] == layer.verdict
    assert first[f"bptt/{name}/horizon"] == layer.horizon
    assert first[f"bptt/{name}/log10_attenuation"] == pytest.approx(layer.log10_attenuation)
    assert first["bptt/needed_lag"] == 10
    assert lines[1]["bptt/loss"] < first["bptt/loss"]


def test_the_step_may_be_named():
    model, batch, loss = tagger()
    lines = []
    monitor = bptt.Monitor(model, batch, loss, log=lines.append, recurrent="core")
    monitor.step()
    assert lines[0]["bptt/core/weight_gain"] < 0
    with pytest.raises(OptionError, match="recurrent"):
        bptt.Monitor(model, batch, loss, recurrent="cores")


def test_a_budget_is_refused_where_no_prognosis_can_be_made():
    model, batch, loss = tagger()
    with pytest.raises(OptionError, match="budget: expected None for a recurrence that is not"):
        bptt.Monitor(model, batch, loss, budget=100)


def test_a_model_without_a_recurrence_is_refused():
    model = nn.Linear(2, 2)
    with pytest.raises(OptionError, match="model"):
        bptt.Monitor(model, torch.randn(3, 2), lambda m, x: m(x).square().mean())
