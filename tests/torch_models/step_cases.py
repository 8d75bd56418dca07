"""Steps of one's own, as people write them: models whose step is called ``cell``, and how far their lags are from autograd's."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from bptt.torch_models import Bounds
from bptt.torch_models.stepped import held, measured, reference
from tests.torch_models import step_models as models
from tests.torch_models.copies_per_call import gradients, whole_loss
from tests.torch_models.step_models import B, D, H, I, Looped, T, inputs


class Masked(Looped):
    """Sequences of unequal lengths: behind its end a sequence keeps its state, and has no loss."""

    lengths = torch.tensor([9, 4, 6])

    def losses(self, x):
        h, losses = x.new_zeros(B, H), []
        for t in range(len(x)):
            inside = (t < self.lengths)[:, None]
            h = torch.where(inside, self.cell(x[t], h), h)
            losses.append((torch.sin(3 * h) * (1 + t) * inside).sum())
        return losses


class LastOfEach(Masked):
    """The loss of every sequence stands at its own last step."""

    def losses(self, x):
        h, losses = x.new_zeros(B, H), []
        for t in range(len(x)):
            h = self.cell(x[t], h)
            last = (t == self.lengths - 1)[:, None]
            losses.append((torch.sin(3 * h) * last).sum())
        return losses


class LastOnly(Looped):
    at = "last"


class Normed(Looped):
    """A norm and dropout between the steps, dropout within too."""

    def __init__(self, cell):
        super().__init__(cell)
        self.norm = nn.LayerNorm(H, dtype=D)

    def between(self, t, state):
        return None if state is None else nn.functional.dropout(self.norm(state), 0.3)


class Dropped(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(I, H, dtype=D)

    def forward(self, x, h):
        return nn.functional.dropout(self.cell(x, h), 0.3)


class Batched(nn.Module):
    """Rows that meet in batch normalisation, with running statistics."""

    def __init__(self):
        super().__init__()
        self.cell, self.norm = nn.GRUCell(I, H, dtype=D), nn.BatchNorm1d(H, dtype=D)

    def forward(self, x, h):
        return self.norm(self.cell(x, h))


class InPlace(nn.Module):
    """Writes the new state into the old one."""

    def __init__(self):
        super().__init__()
        self.R, self.F = nn.Linear(H, H, dtype=D), nn.Linear(I, H, dtype=D)

    def forward(self, x, h):
        new = torch.tanh(self.R(h.clone()) + self.F(x))
        h.mul_(0.5).add_(new)
        return h


class WritesBack(nn.Module):
    """Changes the state that it is given, and returns nothing."""

    def __init__(self):
        super().__init__()
        self.cell = InPlace()

    def forward(self, x, h):
        self.cell(x, h)


class Written(Looped):
    def losses(self, x):
        h, losses = x.new_zeros(B, H), []
        for t in range(len(x)):
            self.cell(x[t], h)
            losses.append((torch.sin(3 * h.clone()) * (1 + t)).sum())
        return losses


class Overwriting(Looped):
    def losses(self, x):
        h, losses = x.new_zeros(B, H), []
        for t in range(len(x)):
            h = self.cell(x[t], h)
            losses.append((torch.sin(3 * h.clone()) * (1 + t)).sum())
        return losses


class Growing(nn.Module):
    """A state that grows by a column at each step."""

    def __init__(self):
        super().__init__()
        self.F = nn.Linear(I, 1, dtype=D)
        self.keep = nn.Parameter(torch.tensor(0.8, dtype=D))

    def forward(self, x, h=None):
        new = self.F(x) if h is None else self.F(x) + torch.tanh(h).sum(1, keepdim=True)
        return new if h is None else torch.cat([self.keep * h, new], 1)


class Grown(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = Growing()

    def losses(self, x):
        h, losses = None, []
        for t in range(len(x)):
            h = self.cell(x[t], h)
            losses.append(torch.sin(h).sum() * (1 + t))
        return losses


class Shrinking(Looped):
    """Sequences that end leave the batch."""

    def losses(self, x):
        h, losses = x.new_zeros(B, H), []
        for t in range(len(x)):
            count = sum(t < each for each in (9, 6, 4))
            h = self.cell(x[t, :count], h[:count])
            losses.append((torch.sin(3 * h) * (1 + t)).sum())
        return losses


class OutputAndState(nn.Module):
    """Puts out something else than its state."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(I, H, dtype=D), nn.Linear(H, 2, dtype=D)

    def forward(self, x, h):
        h = self.cell(x, h)
        return {"y": self.out(h), "h": h}


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = OutputAndState()

    def losses(self, x):
        h, losses = x.new_zeros(x.shape[1], H), []
        for t in range(len(x)):
            out = self.cell(x[t], h=h)
            h = out["h"]
            losses.append((torch.sin(out["y"]) * (1 + t)).sum())
        return losses


class CfC(Looped):
    def losses(self, x):
        h, losses = None, []
        for t in range(len(x)):
            y, h = self.cell(
                x[t],
                torch.zeros(B, H, dtype=D) if h is None else h,
                torch.full((B, 1), 0.7, dtype=D),
            )
            losses.append((torch.sin(3 * y) * (1 + t)).sum())
        return losses


class LTC(Looped):
    def losses(self, x):
        h, losses = x.new_zeros(B, H + 2), []
        for t in range(len(x)):
            y, h = self.cell(x[t], h, 1.0)
            losses.append((torch.sin(3 * y) * (1 + t)).sum())
        return losses


def cfc():
    rnn = pytest.importorskip("ncps.torch", reason="pip install ncps")
    return CfC(rnn.CfCCell(I, H, mode="default", backbone_units=5, backbone_layers=1).double())


def ltc():
    rnn = pytest.importorskip("ncps.torch", reason="pip install ncps")
    from ncps.wirings import AutoNCP

    wiring = AutoNCP(H + 2, 2)
    return LTC(rnn.LTCCell(wiring, I, ode_unfolds=3).double())


def spiking(kept):
    pytest.importorskip("snntorch", reason="pip install snntorch")
    return models.Spiking(kept)


CASES = {
    "LSTM cell": (lambda: Looped(nn.LSTMCell(I, H, dtype=D)), "rows"),
    "GRU cell": (lambda: Looped(nn.GRUCell(I, H, dtype=D)), "rows"),
    "layer-norm LSTM by hand": (lambda: Looped(models.NormLSTM()), "rows"),
    "layer-norm LSTM, a subclass": (lambda: Looped(models.NormLSTMCell()), "rows"),
    "ConvLSTM": (lambda: Looped(models.ConvLSTM()), "rows"),
    "minGRU": (lambda: Looped(models.MinGRU()), "rows"),
    "loss at the last step": (lambda: LastOnly(models.NormLSTM()), "rows"),
    "unequal lengths, masked": (lambda: Masked(nn.GRUCell(I, H, dtype=D)), "rows"),
    "unequal lengths, a loss at each end": (lambda: LastOfEach(nn.GRUCell(I, H, dtype=D)), "rows"),
    "attention and input feeding": (models.Luong, "rows"),
    "attention over its own states": (models.SelfAttentive, "calls"),
    "norm and dropout between": (lambda: Normed(nn.GRUCell(I, H, dtype=D)), "rows"),
    "dropout within": (lambda: Looped(Dropped()), "calls"),
    "batch normalisation within": (lambda: Looped(Batched()), "calls"),
    "in place": (lambda: Overwriting(InPlace()), "calls"),
    "written into what it was given": (lambda: Written(WritesBack()), "calls"),
    "a state that grows": (Grown, "calls"),
    "a batch that shrinks": (lambda: Shrinking(nn.GRUCell(I, H, dtype=D)), "rows"),
    "outputs beside the state": (Named, "rows"),
    "spiking": (lambda: spiking(False), "rows"),
    "spiking, state kept by the module": (lambda: spiking(True), "calls"),
    "CfC": (cfc, "rows"),
    "LTC": (ltc, "rows"),
}  # fmt: skip


def made(name):
    torch.manual_seed(1)
    model = CASES[name][0]()
    if name == "ConvLSTM":
        return model, inputs(5, 2, 1, 4, 3)
    first = getattr(model, "first", None)
    if first is not None and not isinstance(model, CfC | LTC):
        kinds = models.NormLSTM, models.NormLSTMCell, nn.LSTMCell, models.MinGRU, models.ConvLSTM
        if not isinstance(model.cell, kinds):
            model.first = lambda x: x.new_zeros(B, H)
    return model, inputs(T, B, I)


def lags(model, x, path="cell", **bounds):
    modules = {path: model.get_submodule(path)}
    torch.manual_seed(5)
    whole = reference(model, x, whole_loss, modules)
    with held(model, modules):
        return measured(model, x, whole_loss, path, modules[path], whole, Bounds(**bounds))


@cache
def compared(name):
    """The most that a parameter's ‖G_k‖ is off a copy of the parameters per call, relative to the largest; what was measured."""
    model, x = made(name)
    stepped = lags(model, x)
    torch.manual_seed(5)
    off = 0.0
    for parameter, G in gradients(model, x, model.get_submodule("cell")).items():
        norms = np.sqrt(np.square(G).reshape(len(G), -1).sum(1))
        if norms.max() > 0:
            ours = stepped.profile.parameters[parameter].norm
            off = max(off, float(np.abs(ours - norms).max() / norms.max()))
    return off, stepped
