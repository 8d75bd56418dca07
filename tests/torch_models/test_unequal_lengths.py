"""Packed sequences of unequal length whose final states go on elsewhere: every sequence has lags of its own."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bptt.torch_models.decompose import decompose
from tests.torch_models.stepping import KINDS, D, H, I, state_of
from tests.torch_models.test_chains import as_cell, by_position

FIRST, SECOND, THIRD = (1, 4, 2), (4, 1, 3), 3


class Passes(nn.Module):
    """A packed piece, another, and one of three steps; or the first, and a cell that attends to it."""

    def __init__(self, kind, attends):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = getattr(nn, kind)(I, H, dtype=D)
        self.cell = getattr(nn, f"{kind}Cell")(I + H, H, dtype=D) if attends else None

    def packed(self, x, lengths, state):
        packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        out, state = self.rnn(packed, state)
        return pad_packed_sequence(out, total_length=len(x))[0], state

    def forward(self, x):
        memory, state = self.packed(x[:4], FIRST, None)
        if self.cell is None:
            out, state = self.packed(x[4:8], SECOND, state)
            return (out**2).sum() + (self.rnn(x[8 : 8 + THIRD], state)[0] ** 2).sum()
        total = 0.0
        state = state[0][0] if isinstance(state, tuple) else state[0]
        state = (state, state.sin()) if isinstance(self.cell, nn.LSTMCell) else state
        for x_t in x[8 : 8 + THIRD]:
            state = self.cell(torch.cat([x_t, looked_up(memory, state)], 1), state)
            total = total + (state_of(state)[0] ** 2).sum()
        return total


def looked_up(memory, state):
    return (torch.tanh(memory) * (memory * state_of(state)[0]).sum(-1, keepdim=True)).sum(0)


def by_sequence(model, x):
    """The norms by lag of the packed module: each sequence on its own, by a copy of a cell per step."""
    G = {}
    for b in range(x.shape[1]):
        steps = list(x[: FIRST[b], b])
        if model.cell is None:
            steps += [*x[4 : 4 + SECOND[b], b], *x[8 : 8 + THIRD, b]]
        copies, state, losses, memory = [], None, [], []
        for t, x_t in enumerate(steps):
            copies.append((t, as_cell(model.rnn)))
            state = copies[-1][1](x_t[None], state)
            h = state_of(state)[0]
            memory = [*memory, h] if t < FIRST[b] else memory
            if t >= FIRST[b]:
                losses.append((t, (h**2).sum()))
        if model.cell:
            state = (h, h.sin()) if isinstance(model.cell, nn.LSTMCell) else h
            for t, x_t in enumerate(x[8 : 8 + THIRD, b]):
                inputs = torch.cat([x_t[None], looked_up(torch.stack(memory), state)], 1)
                state = model.cell(inputs, state)
                losses.append((len(steps) + t, (state_of(state)[0] ** 2).sum()))
        for k, part in by_position(losses, copies, norms=False).items():
            G[k] = G.get(k, 0) + part
    return np.array([np.linalg.norm(G.get(k, np.zeros(1))) for k in range(max(G) + 1)])


@pytest.mark.parametrize("attends", [False, True], ids=["third piece", "attention"])
@pytest.mark.parametrize("kind", KINDS)
def test_final_states_of_packed_sequences_go_on_elsewhere(kind, attends):
    model, x = Passes(kind, attends), torch.randn(11, 3, I, dtype=D)
    parts = decompose(model, x, lambda model, x: model(x))
    profiles = dict(zip(parts.names, parts.profiles, strict=True))
    expected = by_sequence(model, x)
    ours = profiles["rnn.0"].norm[: len(expected)]
    assert np.allclose(ours, expected, rtol=1e-10)
    assert not profiles["rnn.0"].norm[len(expected) :].any()
    assert any("acts in each of" in sentence for sentence in parts.checked)
    for max_lag in (2, 5, 8):
        short = decompose(model, x, lambda model, x: model(x), max_lag=max_lag)
        assert np.allclose(short.profiles[0].norm, ours[: max_lag + 1], rtol=1e-10)
