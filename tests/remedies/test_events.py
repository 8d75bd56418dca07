"""A new user's case: a stack of PyTorch's LSTM, and an event far back among noise that it does not learn as it is."""

import copy

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt

LAG, T, H, B = 40, 42, 10, 24
BUDGET, LR = 240, 0.005


class Reader(nn.Module):
    """Two levels, read at the end."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(2, H, num_layers=2, batch_first=True), nn.Linear(H, 2)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def drawn(count, seed):
    """Which way a channel jumps for one step, LAG steps before the end."""
    rng = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(count):
        y = torch.randint(0, 2, (B,), generator=rng)
        x = 0.3 * torch.randn(B, T, 2, generator=rng)
        x[:, T - 1 - LAG, 0] += 4.0 * y - 2
        batches.append((x, y))
    return batches


def accuracy_after(model, updates, batches, others, lr=LR):
    """Trained by a plain loop; right answers on sequences that nobody has seen."""
    own = copy.deepcopy(model)
    optimiser = torch.optim.Adam(own.parameters(), lr)
    for n in range(updates):
        optimiser.zero_grad()
        loss(own, batches[n % len(batches)]).backward()
        nn.utils.clip_grad_norm_(own.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        right = [(own(x).argmax(1) == y).float().mean() for x, y in others]
    return float(torch.stack(right).mean())


def test_the_change_that_is_recommended_learns_what_the_model_as_it_is_does_not():
    torch.manual_seed(0)
    model, data = Reader(), drawn(100, seed=0)
    report = bptt.diagnose(model, data[0], loss, needed_lag=LAG)
    assert report.verdict == "vanishing"
    ranking = report.try_remedies(
        data, only=["forget-bias", "chrono", "lr-up"], budget=BUDGET, lr=LR,
        progress=False,
    )  # fmt: skip
    assert ranking.best is not None
    assert ranking.best.name.removesuffix("+lr-up") in ("chrono", "forget-bias")
    assert ranking.best.prognosis.verdict == "will learn"
    assert ranking.before.prognosis.verdict == "will not learn"
    assert ranking.before.prognosis.missing == "reach"
    assert ranking.race.updates <= BUDGET
    changed, fresh, others = ranking.model(), drawn(100, seed=1), drawn(8, seed=2)
    assert isinstance(changed, Reader)
    lr = ranking.best.changes.get("lr", LR)
    assert accuracy_after(changed, BUDGET // 2, fresh, others, lr) > 0.9
    assert accuracy_after(model, BUDGET, fresh, others) < 0.7
    ranking.apply()
    for name, value in changed.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)
