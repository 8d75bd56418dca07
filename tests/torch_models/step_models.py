"""Models that call a step of their own once per time step; ``losses`` gives the loss of every step."""

import torch
from torch import nn
from torch.nn import functional

T, B, I, H = 9, 3, 2, 4
D = torch.float64


class Looped(nn.Module):
    """A step in a loop."""

    at = "every"

    def __init__(self, cell):
        super().__init__()
        self.cell, self.read = cell, nn.Linear(H, H, dtype=D)

    def first(self, x):
        return None

    def between(self, t, state):
        return state

    def losses(self, x):
        state, losses = self.first(x), []
        for t in range(len(x)):
            state = self.cell(x[t], self.between(t, state))
            h = state[0] if isinstance(state, tuple) else state
            E = (torch.sin(3 * self.read(h.reshape(len(h), -1)[:, :H])) * (1 + t)).sum()
            losses.append(E if self.at == "every" or t == len(x) - 1 else None)
        return losses


class NormLSTM(nn.Module):
    """A layer-normalised LSTM by hand (Ba et al. 2016)."""

    def __init__(self):
        super().__init__()
        self.F = nn.Linear(I, 4 * H, bias=False, dtype=D)
        self.R = nn.Linear(H, 4 * H, bias=False, dtype=D)
        self.norm_F, self.norm_R = (nn.LayerNorm(4 * H, dtype=D) for _ in range(2))
        self.norm_c = nn.LayerNorm(H, dtype=D)

    def forward(self, x, state=None):
        h, c = state or (x.new_zeros(len(x), H), x.new_zeros(len(x), H))
        i, f, g, o = (self.norm_F(self.F(x)) + self.norm_R(self.R(h))).chunk(4, 1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(self.norm_c(c)), c


class NormLSTMCell(nn.LSTMCell):
    """The same as a subclass of PyTorch's cell."""

    def __init__(self):
        super().__init__(I, H, dtype=D)
        self.norm = nn.LayerNorm(4 * H, dtype=D)

    def forward(self, x, state=None):
        h, c = state or (x.new_zeros(len(x), H), x.new_zeros(len(x), H))
        z = functional.linear(x, self.weight_ih, self.bias_ih)
        z = z + self.norm(functional.linear(h, self.weight_hh, self.bias_hh))
        i, f, g, o = z.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class MinGRU(nn.Module):
    """Feng et al. 2024, a step at a time."""

    def __init__(self):
        super().__init__()
        self.z, self.h = nn.Linear(I, H, dtype=D), nn.Linear(I, H, dtype=D)

    def forward(self, x, h=None):
        h = x.new_zeros(len(x), H) if h is None else h
        z = torch.sigmoid(self.z(x))
        return (1 - z) * h + z * self.h(x)


class ConvLSTM(nn.Module):
    """Shi et al. 2015: a state of shape (B, C, H, W)."""

    def __init__(self, channels=2):
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv2d(1 + channels, 4 * channels, 3, padding=1, dtype=D)

    def forward(self, x, state=None):
        if state is None:
            state = (x.new_zeros(len(x), self.channels, *x.shape[2:]),) * 2
        h, c = state
        i, f, o, g = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class Luong(nn.Module):
    """A decoder with attention and input feeding (Luong et al. 2015)."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(I, H, dtype=D)
        self.cell = nn.LSTMCell(I + H, H, dtype=D)
        self.score, self.mix = nn.Linear(H, H, dtype=D), nn.Linear(2 * H, H, dtype=D)

    def losses(self, x):
        memory, first = self.encoder(x)
        h, c, fed = first[0], torch.zeros_like(first[0]), torch.zeros_like(first[0])
        losses = []
        for t in range(len(x)):
            h, c = self.cell(torch.cat([x[t].roll(1, 0), fed], 1), (h, c))
            weights = torch.softmax((self.score(h)[None] * memory).sum(2), 0)
            fed = torch.tanh(self.mix(torch.cat([h, (weights[..., None] * memory).sum(0)], 1)))
            losses.append((torch.sin(3 * fed) * (1 + t)).sum())
        return losses


class SelfAttentive(nn.Module):
    """A cell that reads all of its own earlier states."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(I + H, H, dtype=D)

    def losses(self, x):
        h, past, losses = x.new_zeros(x.shape[1], H), [], []
        for t in range(len(x)):
            memory = torch.stack([*past, h])
            weights = torch.softmax((memory * h).sum(2), 0)
            h = self.cell(torch.cat([x[t], (weights[..., None] * memory).sum(0)], 1), h)
            past.append(h)
            losses.append((torch.sin(3 * h) * (1 + t)).sum())
        return losses


class Leaky(nn.Module):
    """snnTorch's leaky neurons behind a linear layer, as a step."""

    def __init__(self, kept):
        super().__init__()
        import snntorch

        self.kept = kept
        self.lin = nn.Linear(I + H, H, dtype=D)
        self.lif = snntorch.Leaky(
            beta=0.8, init_hidden=kept, learn_beta=True, learn_threshold=True,
            spike_grad=snntorch.surrogate.fast_sigmoid(), output=kept,
        ).double()  # fmt: skip

    def forward(self, x, state):
        spikes, mem = state
        now = self.lin(torch.cat([x, spikes], 1))
        return self.lif(now) if self.kept else self.lif(now, mem)


class Spiking(nn.Module):
    """Leaky neurons that are fed their own spikes."""

    def __init__(self, kept):
        super().__init__()
        self.cell = Leaky(kept)

    def losses(self, x):
        state = (x.new_zeros(x.shape[1], H),) * 2
        if self.cell.kept:
            self.cell.lif.reset_mem()
        losses = []
        for t in range(len(x)):
            state = self.cell(3 * x[t], state)
            losses.append((torch.sin(state[1]) * (1 + t)).sum())
        return losses


def inputs(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=D)
