"""(b) through PyTorch: an ``nn`` layer and a read-out, ``try_remedies``, ``apply``, and a plain training loop."""

import copy
import time

import numpy as np
import torch
from torch import nn

import bptt
from experiments.remedy import BATCH, CLIP, EVERY, HIDDEN, RATE

LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
SCORED = 16  # batches of held-out sequences


class Model(nn.Module):
    """A layer, read at the end."""

    def __init__(self, cell, task):
        super().__init__()
        self.layer, self.out = (
            LAYERS[cell](task.inputs, HIDDEN),
            nn.Linear(HIDDEN, task.outputs),
        )

    def forward(self, x):
        """Outputs at the last step."""
        return self.out(self.layer(x)[0][-1])


class Training:
    """A plain loop on a task.

    Attributes:
        task: it is trained on.
        rng: that draws the sequences.
    """

    def __init__(self, task, seed):
        self.task, self.rng = task, np.random.default_rng(seed)
        self.loss = nn.functional.mse_loss if task.loss == "mse" else nn.functional.cross_entropy

    def draw(self, held_out=False):
        """A batch."""
        batch = self.task.batch(BATCH, self.rng, held_out).arguments()
        return torch.from_numpy(batch["x"]), torch.from_numpy(batch["targets"])

    def error(self, model, batch):
        """Its loss."""
        return self.loss(model(batch[0]), batch[1])

    @torch.no_grad()
    def score(self, model):
        """What the task is told by: the squared error, or the part of right answers."""
        batches = [self.draw(held_out=True) for _ in range(SCORED)]
        if self.task.loss == "mse":
            return float(np.mean([float(self.error(model, batch)) for batch in batches]))
        return float(np.mean([float((model(x).argmax(1) == y).float().mean()) for x, y in batches]))

    def learnt(self, model, updates, lr=RATE, clip=CLIP):
        """How far it comes."""
        optimiser = torch.optim.Adam(model.parameters(), lr)
        for n in range(1, updates + 1):
            optimiser.zero_grad()
            self.error(model, self.draw()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimiser.step()
            if n % EVERY == 0 or n == updates:
                score = self.score(model)
                if self.task.reached(score):
                    break
        return {"solved": self.task.reached(score), "updates": n, "score": round(score, 4)}


def in_pytorch(cell, task, seed, updates):
    """A model trained as it is, and with the first-ranked remedy applied to it; "part" is what a ranking costs of a training."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    training, model = Training(task, seed), Model(cell, task)
    began = time.process_time()
    before = training.learnt(copy.deepcopy(model), updates)
    trained = (time.process_time() - began) * updates / before["updates"]
    began = time.process_time()
    report = bptt.diagnose(model, training.draw(), training.error, needed_lag=task.needed_lag)
    ranking = report.try_remedies(
        training.draw, budget=updates, lr=RATE, clip=CLIP, seed=seed, progress=False
    )
    part = round((time.process_time() - began) / trained, 2)
    found = {"before": before, "ranked": [tried.name for tried in ranking.tried], "part": part}
    if ranking.best is None:
        return found
    ranking.apply()
    return found | {"after": training.learnt(model, updates, **ranking.best.changes)}
