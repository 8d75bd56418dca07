"""Steps of one's own: the walk by lag beside backward passes of the step, and a diagnosis beside training steps.

python -m benchmarks.steps      # measures on one thread, stores the results, writes the table of docs/pytorch.md

A backward pass of the step is one of all T calls as rows of one batch, a loss step for each. T of them are a yardstick and not the
least: of lag k only T - k calls are asked for. Where only the last step has a loss it is one of a single call. Where attention lies
before the step, its own backward passes, at every call of the loss steps from there on, are told apart.
"""

import json
import time

import numpy as np

from benchmarks import tables

I, H = 64, 128
CASES = {
    "layer-norm LSTM, a loss at every step": ("norm", 100, 32, True),
    "layer-norm LSTM, a loss at the last step": ("norm", 100, 32, False),
    "GRU cell that attends to all its states, a loss at every step": ("attention", 50, 8, True),
}


def seconds(action, times):
    """Of a call, the median."""
    each = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        each.append(time.perf_counter() - start)
    return float(np.median(each))


def attended(memory, h):
    """The states that h attends to, (t, B, H), by the weights that it gives them."""
    import torch

    weights = torch.softmax((memory * h).sum(2), 0)
    return (weights[..., None] * memory).sum(0)


def model_of(kind, every):
    """A model with a step of its own, and its loss."""
    import torch
    from torch import nn

    class NormLSTM(nn.Module):
        def __init__(self):
            super().__init__()
            self.F, self.R = nn.Linear(I, 4 * H), nn.Linear(H, 4 * H)
            self.norm = nn.LayerNorm(4 * H)

        def forward(self, x, state):
            h, c = state
            i, f, g, o = self.norm(self.F(x) + self.R(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(c), c

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = NormLSTM() if kind == "norm" else nn.GRUCell(I + H, H)
            self.read = nn.Linear(H, 8)

        def forward(self, x):
            h, past = x.new_zeros(x.shape[1], H), []
            state = (h, h)
            for x_t in x:
                if kind == "norm":
                    state = self.cell(x_t, state)
                    h = state[0]
                else:
                    context = attended(torch.stack([*past, h]), h)
                    h = self.cell(torch.cat([x_t, context], 1), h)
                past.append(h)
            return self.read(torch.stack(past) if every else h).square().mean()

    torch.manual_seed(0)
    return Model(), lambda model, x: model(x)


def backward_of_step(model, kind, rows):
    """Seconds of one backward pass of the step."""
    import torch

    h = [torch.randn(rows, H, requires_grad=True) for _ in range(2 if kind == "norm" else 1)]
    x = torch.randn(rows, I if kind == "norm" else I + H)
    out = model.cell(x, tuple(h) if kind == "norm" else h[0])
    outputs = out if kind == "norm" else (out,)
    errors = [torch.randn_like(each) for each in outputs]
    wanted = [*h, *model.cell.parameters()]
    return seconds(lambda: torch.autograd.grad(outputs, wanted, errors, retain_graph=True), 20)


def backward_of_attention(T, B):
    """Seconds of the backward passes of what lies before each step: of the states so far, by the loss steps from there on."""
    import torch

    def one(t):
        memory = torch.randn(t, B, H, requires_grad=True)
        context = attended(memory, memory[-1])
        errors = torch.randn(T - t, B, H)

        def back():
            torch.autograd.grad(context, memory, errors, retain_graph=True, is_grads_batched=True)

        return seconds(back, 9)

    return sum(one(t) for t in range(1, T))


def measure(kind, T, B, every):
    """One case."""
    import torch

    from bptt.torch_models import Bounds, diagnose_module
    from bptt.torch_models.stepped import held
    from bptt.torch_models.stepped.by_calls import walk_calls
    from bptt.torch_models.stepped.gathered import Gathered
    from bptt.torch_models.stepped.held_errors import HeldErrors
    from bptt.torch_models.stepped.in_rows import walk_rows
    from bptt.torch_models.stepped.recording import record
    from bptt.torch_models.stepped.rows import rows_of

    model, loss = model_of(kind, every)
    x = torch.randn(T, B, I)
    step = backward_of_step(model, kind, T * B if every else B)
    attention = backward_of_attention(T, B) if kind == "attention" else 0.0

    def train():
        model.zero_grad()
        loss(model, x).backward()

    with held(model, {"cell": model.cell}):
        recording = record(model, x, loss, "cell", model.cell)
        rows = rows_of(recording, 4096)

        def walk():
            gathered = Gathered(recording.params, T, T)
            name = "R.weight" if kind == "norm" else "weight_hh"
            if recording.in_lockstep:
                for k in walk_rows(rows, gathered, recording.loss_steps, None, 4096, name):
                    gathered.let_go(k)
            else:
                held_errors = HeldErrors(rows, gathered, 4096)
                walk_calls(recording, gathered, recording.loss_steps, T, name, held_errors)

        walked = seconds(walk, 5)
    bounds = Bounds("all", seconds=1e6)
    whole = seconds(lambda: diagnose_module(model, x, loss, bounds=bounds, recurrent="cell"), 3)
    return {
        "T": T, "B": B, "H": H, "backward": T * step, "attention": attention, "walk": walked, "in_rows": recording.in_lockstep,
        "training": seconds(train, 9), "diagnose": whole,
    }  # fmt: skip


def main():
    """Measure, store, write."""
    import torch

    torch.set_num_threads(1)
    result = {
        "rows": {name: measure(*case) for name, case in CASES.items()},
        "torch": torch.__version__,
    }
    tables.STEPS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    tables.write()
    print(tables.steps(result))


if __name__ == "__main__":
    main()
