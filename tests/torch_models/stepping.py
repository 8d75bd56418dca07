"""Cells in a loop, what may lie between their steps, and the gradient by lag without the library.

The oracle runs the model with a copy of the weights per call of the recurrent module, takes the gradient of each step's
own loss, and books it by the number of steps between the two.
"""

import copy

import numpy as np
import torch
from torch import nn

T, B, I, H = 8, 3, 2, 5
D = torch.float64
KINDS = ["RNN", "LSTM", "GRU"]


def state_of(h):
    return h if isinstance(h, tuple) else (h,)


def like(h, parts):
    return tuple(parts) if isinstance(h, tuple) else parts[0]


class Steps(nn.Module):
    """A cell in a loop; ``between`` changes the state on its way from step to step."""

    def __init__(self, kind, between, whole=False):
        super().__init__()
        torch.manual_seed(0)
        self.whole, self.between = whole, between
        self.cell = getattr(nn, kind if whole else f"{kind}Cell")(I, H, dtype=D)
        self.read = nn.Linear(H, H, dtype=D)
        self.norm = nn.LayerNorm(H, dtype=D)

    def forward(self, x, each=None):
        """The summed loss; ``each`` gets (h_t, loss_t) of every step."""
        state, total = None, 0.0
        for t in range(len(x)):
            if state is not None:
                state = self.between(self, t, state)
            if self.whole:
                out, state = self.cell(x[t : t + 1], state)
                h = out[0]
            else:
                state = self.cell(x[t], state)
                h = state_of(state)[0]
            loss = (torch.sin(3 * h) * h).sum() * (1 + t)
            if each is not None:
                each(loss)
            total = total + loss
        return total


def both(f):
    return lambda self, t, state: like(state, [f(self, t, part) for part in state_of(state)])


DONE = (torch.rand(T, B, generator=torch.Generator().manual_seed(3)) < 0.3).to(D)
DROP = (torch.rand(T, B, H, generator=torch.Generator().manual_seed(4)) < 0.7).to(D) / 0.7


def zoneout(self, t, h):
    return torch.where(DROP[t] > 0, h, h * 0.5)


BETWEEN = {
    "as it is": both(lambda self, t, h: h),
    "times ones": both(lambda self, t, h: h * torch.ones_like(h)),
    "clone": both(lambda self, t, h: h.clone()),
    "slice": both(lambda self, t, h: h[:, :]),
    "mask of episodes": both(lambda self, t, h: h * (1 - DONE[t])[:, None]),
    "torch.where": both(lambda self, t, h: torch.where(DONE[t][:, None] > 0, torch.zeros_like(h), h)),
    "in place": both(lambda self, t, h: h.clone().mul_((1 - DONE[t])[:, None])),
    "dropout": both(lambda self, t, h: h * DROP[t]),
    "zoneout": both(zoneout),
    "decay": both(lambda self, t, h: 0.9 * h),
    "clamp": both(lambda self, t, h: h.clamp(-0.2, 0.3)),
    "permutation": both(lambda self, t, h: h[torch.tensor([2, 0, 1])]),
    "beams": both(lambda self, t, h: h[torch.tensor([0, 0, 2])]),
    "projection": both(lambda self, t, h: torch.tanh(self.read(h))),
    "layer norm": both(lambda self, t, h: self.norm(h)),
    "mixed rows": both(lambda self, t, h: h + 0.1 * h.mean(0)),
}  # fmt: skip


class PerCall(nn.Module):
    """A module that is copied for each call."""

    def __init__(self, module):
        super().__init__()
        self.module, self.copies = module, []

    def forward(self, *args):
        self.copies.append(copy.deepcopy(self.module))
        return self.copies[-1](*args)


def by_copies(model, x):
    """(T, ·, ·) the gradient of the recurrent weights by lag: a copy of the model's cell per step."""
    name = "weight_hh_l0" if model.whole else "weight_hh"
    G = np.zeros((len(x), *getattr(model.cell, name).shape))
    for t in range(len(x)):
        losses, other = [], copy.deepcopy(model)
        other.cell = PerCall(other.cell)
        other(x, losses.append)
        losses[t].backward()
        for s, own in enumerate(other.cell.copies[: t + 1]):
            grad = getattr(own, name).grad
            if grad is not None:
                G[t - s] += grad.numpy()
    return G
