"""A small model on real sequences, and a training loop that knows of no monitor."""

import functools

import torch
from torch import nn

from bptt.data import Series


class Classifier(nn.Module):
    """Which speaker: the class at the end of the sequence."""

    def __init__(self, kind="GRU", hidden=12):
        super().__init__()
        self.rnn = getattr(nn, kind)(12, hidden)
        self.out = nn.Linear(hidden, 9)

    def forward(self, x):
        return self.out(nn.functional.dropout(self.rnn(x)[0][-1], 0.1, self.training))


def vowels(first=0, count=8):
    """(T, B, 12) and (B,): sequences of JapaneseVowels."""
    part = _series().train.part(slice(first, first + count))
    return torch.from_numpy(part.x), torch.from_numpy(part.targets).long()


@functools.cache
def _series():
    return Series.load("vowels")


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def made(kind="GRU", seed=0):
    torch.manual_seed(seed)
    return Classifier(kind)


def train(model, steps, clip=None, before_step=None):
    """Adam, with or without clipping; the norms before and after clipping, by plain arithmetic."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    norms = []
    for k in range(steps):
        optimizer.zero_grad()
        loss(model, vowels(8 * (k % 10))).backward()
        here = [total(model)]
        if clip is not None:
            clip(model.parameters())
        here.append(total(model))
        norms.append(here)
        if before_step:
            before_step()
        optimizer.step()
    return norms


def total(model):
    return sum(float(p.grad.double().square().sum()) for p in model.parameters()) ** 0.5
