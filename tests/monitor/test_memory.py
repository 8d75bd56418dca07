"""A model with a memory of its own trains as it would without a monitor, whatever the size of the monitor's batch."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils import parametrizations

import bptt
from bptt.errors import OptionError
from tests.monitor.models import loss as plain_loss
from tests.monitor.models import made, train, vowels

T, B, I, H = 10, 6, 3, 5


class Stateful(nn.Module):
    """It goes on from where it stopped, and counts."""

    def __init__(self, kind="LSTM", detaches=True):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.out = getattr(nn, kind)(I, H), nn.Linear(H, 1)
        self.hidden, self.detaches, self.calls, self.started = None, detaches, 0, False

    def forward(self, x):
        self.calls += 1
        assert self.started is (self.hidden is not None)
        out, hidden = self.rnn(x, self.hidden)
        self.hidden, self.started = self.cut(hidden) if self.detaches else hidden, True
        return self.out(out)

    def cut(self, hidden):
        return tuple(h.detach() for h in hidden) if isinstance(hidden, tuple) else hidden.detach()


class InABuffer(Stateful):
    """The state is a buffer, None at first, so that it is saved with the model."""

    def __init__(self):
        super().__init__("GRU")
        del self.hidden
        self.register_buffer("hidden", None)


class InALoop(Stateful):
    """A list of states, one a level, written by index; a cell at each step."""

    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList([nn.GRUCell(I, H), nn.GRUCell(H, H)])
        self.rnn, self.states = None, [None, None]

    def forward(self, x):
        outs = []
        for x_t in x:
            for level, cell in enumerate(self.cells):
                self.states[level] = x_t = cell(x_t, self.states[level])
            outs.append(x_t)
        self.states[:] = [h.detach() for h in self.states]
        return self.out(torch.stack(outs))


def batch(size=B, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(T, size, I, generator=generator), torch.randn(
        T, size, 1, generator=generator
    )


def loss(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def trained(model, steps=5):
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.05), []
    for k in range(steps):
        if k and not model.detaches:
            model.hidden = model.cut(model.hidden)
        optimizer.zero_grad()
        E = loss(model, batch(seed=k))
        E.backward()
        optimizer.step()
        losses.append(E.item())
    return losses


MODELS = {
    "detached": Stateful, "one tensor": lambda: Stateful("GRU"), "not detached": lambda: Stateful(detaches=False),
    "in a buffer": InABuffer, "in a list, with cells": InALoop,
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("size", [B, 2])
def test_training_is_the_same_bit_for_bit(kind, size):
    alone, observed, lines = MODELS[kind](), MODELS[kind](), []
    expected = trained(alone)
    with bptt.Monitor(observed, batch(size), loss, 1, lines.append):
        losses = trained(observed)
    assert losses == expected
    assert observed.calls == alone.calls
    assert [line["bptt/problem"] for line in lines] == [None] * 5
    for a, b in zip(alone.parameters(), observed.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", MODELS)
def test_measured_from_what_it_remembered_when_the_monitor_was_made(kind):
    """The same figures as of a fresh model, which remembers nothing, with the weights of that step."""
    model, lines, weights = MODELS[kind](), [], []

    def note(line):
        lines.append(line)
        weights.append({name: p.detach().clone() for name, p in model.named_parameters()})

    with bptt.Monitor(model, batch(2), loss, 2, note):
        trained(model)
    for line, state in zip(lines, weights, strict=True):
        fresh = MODELS[kind]()
        fresh.load_state_dict(state, strict=False)
        assert line["bptt/loss"] == pytest.approx(loss(fresh, batch(2)).item(), rel=1e-6)


def test_made_in_the_middle_of_training():
    """Memory of another size is refused before the training goes on; after it was forgotten, it works."""
    model = Stateful()
    trained(model)
    hidden = model.hidden
    with pytest.raises(
        OptionError, match=r"got RuntimeError: Expected hidden.*another batch size, reset its state"
    ):
        bptt.Monitor(model, batch(2), loss)
    assert model.hidden is hidden
    model.hidden, model.started = None, False
    lines = []
    with bptt.Monitor(model, batch(2), loss, 1, lines.append):
        trained(model, 2)
    assert [line["bptt/problem"] for line in lines] == [None, None]


def test_running_statistics_are_those_of_the_training():
    """A buffer that keeps its shape is no memory: in eval mode the figures are of the model as it is by now."""

    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.rnn, self.out = nn.BatchNorm1d(I), nn.GRU(I, H), nn.Linear(H, 1)
            self.register_buffer("scale", torch.ones(()))
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            self.scale = 0.9 * self.scale
            return self.out(
                self.rnn(self.scale * self.norm(x.flatten(0, 1)).unflatten(0, x.shape[:2]))[0]
            )

    torch.manual_seed(0)
    model, lines = Normed(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with bptt.Monitor(model, batch(), lambda m, b: loss(m.eval(), b), 5, lines.append):
        for k in range(6):
            loss(model, batch(seed=k)).backward()
            optimizer.step()
    assert lines[1]["bptt/loss"] == pytest.approx(loss(model.eval(), batch()).item(), rel=1e-6)
    assert model.calls == 7
    assert lines[0]["bptt/loss"] != lines[1]["bptt/loss"]


def test_the_batch_stays_the_same():
    """Also where the loss writes into it."""
    model, lines, few = made(), [], vowels()
    kept = few[0].clone()

    def halves(model, batch):
        batch[0].mul_(0.5)
        return plain_loss(model, batch)

    with bptt.Monitor(model.eval(), few, halves, 1, lines.append):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        for _ in range(3):
            plain_loss(model, vowels()).backward()
            optimizer.step()
    assert torch.equal(few[0], kept)
    assert len({line["bptt/loss"] for line in lines}) == 1


def test_a_weight_that_is_computed_does_not_end_the_training(caplog):
    model, lines = made(), []
    parametrizations.weight_norm(model.rnn, "weight_hh_l0")
    with bptt.Monitor(model, vowels(), plain_loss, 1, lines.append):
        train(model, 3)
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert not caplog.records
    assert all(line["bptt/rnn.0/horizon"] > 0 for line in lines)


class BesideAStream(Stateful):
    """Its state lies beside something that cannot be copied."""

    def __init__(self):
        super().__init__("GRU")
        self.box = {"h": None, "stream": (n for n in range(3))}

    def forward(self, x):
        out, h = self.rnn(x, self.box["h"])
        self.box["h"] = h.detach()
        return self.out(out)


def test_a_memory_that_cannot_be_kept_is_named_before_training():
    with pytest.raises(
        OptionError, match=r"every measurement, got model\.box\['stream'\] \(generator\)"
    ):
        bptt.Monitor(BesideAStream(), batch(), loss)
