"""bptt.prognosis of PyTorch models: every kind of data that it takes, the model left as it is, and bad input in one line."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import bptt
from bptt.errors import BpttError

T, B = 12, 16


class Model(nn.Module):
    """An LSTM and a readout of its last step."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(3, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][-1])


class Uncopied(Model):
    """One that refuses to be copied."""

    def __deepcopy__(self, memo):
        raise RuntimeError("a handle that cannot be copied")


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def named(model, batch):
    return nn.functional.cross_entropy(model(batch["x"]), batch["y"])


def not_finite(model, batch):
    return loss(model, batch) * float("nan")


def batches(count=1, size=B):
    """The class is the sign of an early input."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, T, size, 3, generator=generator)
    return [(each, (each[1, :, 0] > 0).long()) for each in x]


def drawing():
    waiting = iter(batches(60))
    return lambda: next(waiting)


def loader():
    x, targets = batches(size=160)[0]

    def together(rows):
        return torch.stack([x for x, _ in rows], 1), torch.stack([y for _, y in rows])

    return DataLoader(TensorDataset(x.transpose(0, 1), targets), batch_size=8, collate_fn=together)


def model(kind=Model):
    torch.manual_seed(0)
    return kind()


DATA = {
    "a list of batches": lambda: (batches(12), loss),
    "a loader": lambda: (loader(), loss),
    "an iterator that lasts": lambda: (iter(batches(20)), loss),
    "a function that draws": lambda: (drawing(), loss),
    "one batch, which is split": lambda: (batches(size=64)[0], loss),
    "a dict, which is split": lambda: (dict(zip("xy", batches(size=64)[0], strict=True)), named),
}


@pytest.mark.parametrize("kind", DATA)
def test_every_kind_of_data(kind):
    own, (data, own_loss) = model(), DATA[kind]()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    ahead = bptt.prognosis(own, data, own_loss, needed_lag=8, budget=40, progress=False)
    assert [m.update for m in ahead.measured] == [0, 2, 4]
    assert ahead.needed_lag == 8
    assert ahead.title == "Model"
    assert 0 <= ahead.probability <= 1
    for m in ahead.measured:
        assert m.agreement is not None
        assert m.form is not None
    assert all(torch.equal(before[name], value) for name, value in own.state_dict().items())
    assert all(parameter.grad is None for parameter in own.parameters())


BAD = {
    "an iterator that ends": (
        lambda: {"data": iter(batches(12)), "budget": 400},
        "data: expected batches for every update of the look ahead, got an iterator that ended after"),
    "no batches": (lambda: {"data": []}, "data: expected batches to learn from, got none"),
    "no data": (lambda: {"data": None}, "data: expected an iterable of batches"),
    "single samples": (lambda: {"data": TensorDataset(torch.zeros(4, 2))}, "data: expected batches, got a TensorDataset"),
    "a batch too small to split": (lambda: {"data": batches()[0]}, "data: expected at least 24 sequences"),
    "a loss that is not finite": (lambda: {"loss": not_finite}, "loss: expected a finite number, got nan"),
    "no loss": (lambda: {"loss": None}, "loss: expected a function, called as loss(model, batch), got None"),
    "a model that cannot be copied": (lambda: {"model": model(Uncopied)}, "model: expected one that can be copied"),
    "no recurrent layer": (lambda: {"model": nn.Linear(3, 2), "loss": lambda m, b: m(b[0]).mean()}, "model: expected a module with PyTorch's nn.RNN"),
    "a lag beyond the sequences": (lambda: {"needed_lag": 12}, "needed_lag: expected a whole number from 0 to 11, got 12"),
    "a step that trains nothing": (lambda: {"step": lambda model, batch: None}, "step: expected one update of the model"),
    "a step that is none": (lambda: {"step": 3}, "step: expected a function, called as step(model, batch), got 3"),
    "a curriculum": (lambda: {"curriculum": 5}, "curriculum: expected none for a PyTorch model, got 5"),
    "omega": (lambda: {"omega": 2.0}, "omega: expected none for a PyTorch model, got 2.0"),
    "no learning rate": (lambda: {"lr": 0}, "lr: expected a positive number, got 0"),
    "a negative clip": (lambda: {"clip": -1}, "clip: expected a positive number, got -1"),
    "a budget too small": (lambda: {"budget": 19}, "budget: expected a whole number from 20 to 1000000000, got 19"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(case):
    given, words = BAD[case]
    arguments = {"model": model(), "data": batches(12), "loss": loss, "budget": 40} | given()
    with pytest.raises(BpttError) as refused:
        bptt.prognosis(**arguments, progress=False)
    line = str(refused.value)
    assert line.startswith(words)
    assert "\n" not in line
    assert "--" not in line


def test_a_diagnosis_looks_ahead_too():
    own = model()
    report = bptt.diagnose(own, batches()[0], loss, needed_lag=8)
    ahead = report.prognosis(batches(12), budget=40, progress=False)
    same = bptt.prognosis(own, batches(12), loss, 8, 40, progress=False)
    assert ahead.curves == same.curves
    assert ahead.probability == same.probability
    assert report.ahead is ahead
    with pytest.raises(BpttError, match="at least 24 sequences"):
        report.prognosis(budget=40, progress=False)
