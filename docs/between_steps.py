"""The table "what your model may do between steps" of docs/pytorch.md: python -m docs.between_steps --write."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from docs.marked import printed_or_written
from tests.torch_models.stepping import PerCall
from torch import Tensor, nn

from bptt.torch_models.decompose import decompose

PAGE = Path(__file__).parent / "pytorch.md"
T, B, I, H = 12, 4, 3, 6
DONE = (torch.rand(T, B, generator=torch.Generator().manual_seed(1)) < 0.15).double()
DROP = (torch.rand(T, B, H, generator=torch.Generator().manual_seed(2)) < 0.8).double() / 0.8
READ = nn.Linear(H, H, dtype=torch.float64)
NORM = nn.LayerNorm(H, dtype=torch.float64)

State = tuple[Tensor, Tensor]
Between = Callable[[int, State], State]


def each(change: Callable[[int, Tensor], Tensor]) -> Between:
    """The same change of h and c."""
    return lambda t, state: (change(t, state[0]), change(t, state[1]))


# What stands in the model, what is measured, and the change itself.
ROWS: list[tuple[str, str, Between]] = [
    ("`h`, `h.clone()`, `h * ones`, `h[:, :]`, `h[None]`", "one sequence", each(lambda t, h: h * 1.0)),
    ("`h * (1 - done)[:, None]`, `torch.where(done, 0, h)`", "one sequence with resets",
     each(lambda t, h: h * (1 - DONE[t])[:, None])),
    ("`h[order]`: a permutation of the batch", "the signal moves with its sequence",
     each(lambda t, h: h[[1, 2, 3, 0]])),
    ("`h[beams]`: sequences that are copied or dropped", "carried: the copies' errors add up",
     each(lambda t, h: h[[0, 0, 2, 3]])),
    ("dropout, zoneout or a decay of h", "carried: the factor scales the signal",
     each(lambda t, h: h * DROP[t])),
    ("`h.clamp(-1, 1)`, a layer norm, a linear layer", "carried",
     each(lambda t, h: NORM(READ(h)).clamp(-1, 1))),
    ("`h + attention over the batch`: sequences that mix", "carried",
     each(lambda t, h: h + torch.softmax(h @ h.T, 1) @ h)),
    ("`(h, c.detach())`", "carried through h alone", lambda t, state: (state[0], state[1].detach())),
    ("`h.detach()` every 4 steps", "lag ends there, as your gradient does",
     each(lambda t, h: h.detach() if t % 4 == 0 else h)),
]  # fmt: skip


class Steps(nn.Module):
    """An nn.LSTMCell in a loop."""

    def __init__(self, between: Between) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.between = nn.LSTMCell(I, H, dtype=torch.float64), between

    def forward(self, x: Tensor) -> list[Tensor]:
        """The loss of every step."""
        state, losses = self.cell(x[0]), []
        for t in range(1, len(x) + 1):
            losses.append((torch.sin(3 * state[0]) * state[0]).sum())
            if t < len(x):
                state = self.cell(x[t], self.between(t, state))
        return losses


class Feeds(nn.Module):
    """The same where the next input is made of what was put out."""

    def __init__(self, at_all: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.at_all = nn.LSTMCell(I + H, H, dtype=torch.float64), at_all

    def forward(self, x: Tensor) -> list[Tensor]:
        """The loss of every step."""
        h = c = torch.zeros(B, H, dtype=torch.float64)
        outputs, losses = [h], []
        for x_t in x:
            seen = outputs[-1]
            if self.at_all:
                past = torch.stack(outputs)
                seen = ((past * seen).sum(2, keepdim=True).softmax(0) * past).sum(0)
            h, c = self.cell(torch.cat([x_t, seen], 1), (h, c))
            outputs.append(h)
            losses.append((h**2).sum())
        return losses


def norms(model: nn.Module, x: Tensor) -> np.ndarray:
    """(T,) ‖G_k‖ by autograd, with a copy of the cell per step."""
    G = np.zeros((T, 4 * H, H))
    for t in range(T):
        other = copy.deepcopy(model)
        other.cell = PerCall(other.cell)
        other(x)[t].backward()
        for s, own in enumerate(other.cell.copies[: t + 1]):
            if own.weight_hh.grad is not None:
                G[t - s] += own.weight_hh.grad.numpy()
    return np.linalg.norm(G, axis=(1, 2))


def row(stands: str, measured: str, model: nn.Module) -> str:
    """One line, with what was measured."""
    x = torch.randn(T, B, I, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    profile = decompose(model, x, lambda model, x: sum(model(x))).profiles[0]
    expected = norms(model, x)
    ours = np.pad(profile.norm, (0, T - len(profile.norm)))
    off = np.abs(ours - expected).max() / expected.max()
    lags = len(profile.norm)
    return f"| {stands} | {measured} | {lags} | {'below 1e-12' if off < 1e-12 else f'{off:.0e}'} |"


def table() -> str:
    """All of it."""
    lines = [
        "| between two steps | what is measured | lags of 12 steps | off autograd's with a copy of the weights per step |",
        "|---|---|---|---|",
        *(row(stands, measured, Steps(between)) for stands, measured, between in ROWS),
        row("`cell(cat([x_t, y]), h)`: input feeding", "that way counts as the one step it spans", Feeds(False)),
        row("attention over all earlier states in the input", "each way counts as the steps it spans", Feeds(True)),
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    printed_or_written(PAGE, "between steps", table())
