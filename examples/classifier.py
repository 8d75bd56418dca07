"""From a table to a classifier that learns: marimo edit examples/classifier.py, with bptt[lab,torch]."""

import marimo

app = marimo.App(app_title="From a table to a classifier that learns")


@app.cell
def _():
    import csv
    import tempfile
    from pathlib import Path

    import marimo as mo
    import numpy as np
    import torch
    from torch import nn

    import bptt
    from bptt.data import Series

    return Path, Series, bptt, csv, mo, nn, np, tempfile, torch


@app.cell
def _(mo):
    mo.md("""
    # From a table to a classifier that learns

    A table has a row for every step. In half of these sequences `ax` jumps at step 3, and the label, at the end, says in which. The
    answer lies 44 steps before the end. Put a table of your own in its place.
    """)
    return


@app.cell
def _(Path, Series, csv, np, tempfile):
    def made_up(path):
        numbers = np.random.default_rng(0).normal(size=(200, 48, 2)).round(3)
        with open(path, "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["sequence", "step", "ax", "ay", "label"])
            for s, t in np.ndindex(200, 48):
                ax, ay = numbers[s, t] + [(t == 3) * (4 if s % 2 else -4), 0]
                table.writerow([s, t, ax, ay, "fall" if s % 2 else "walk"])
        return path

    series = Series.load(str(made_up(Path(tempfile.mkdtemp()) / "moves.csv")))
    series.description
    return (series,)


@app.cell
def _(nn, series, torch):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(2, 20), nn.Linear(20, 2)

        def forward(self, x):
            return self.head(self.lstm(x)[0][-1])

    def loss(model, batch):
        x, y = batch
        return nn.functional.cross_entropy(model(x), y)

    def fresh():
        torch.manual_seed(0)
        return Reader()

    batch = torch.tensor(series.train.x), torch.tensor(series.train.targets)
    held_out = torch.tensor(series.held_out.x), torch.tensor(series.held_out.targets)
    return batch, fresh, held_out, loss


@app.cell
def _(batch, bptt, fresh, loss, mo):
    report = bptt.diagnose(fresh(), batch, loss, needed_lag=44, progress=False)
    mo.vstack(
        [
            mo.md("## Does the gradient reach the jump?"),
            report.charts.by_lag,
            mo.md(f"**{report.verdict}**: {report.cause.sentence}"),
        ]
    )
    return (report,)


@app.cell
def _(mo, report):
    # The advice that sets one bias; its code is for a model of that name.
    advice = next(one for one in report.advice if one.remedy == "forget-bias")
    mo.md(f"## What to change\n\n{advice.sentence}\n\n```python\n{advice.code}\n```")
    return (advice,)


@app.cell
def _(advice, batch, fresh, held_out, loss, mo, torch):
    def trained(model):
        optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
        for _ in range(100):
            optimiser.zero_grad()
            loss(model, batch).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        x, y = held_out
        return float((model(x).argmax(1) == y).float().mean())

    def changed():
        model = fresh()
        exec(advice.code, {"model": model, "torch": torch})
        return model

    before, after = trained(fresh()), trained(changed())
    mo.md(
        f"## And trained\n\nOf the held-out sequences it gets right: **{before:.0%}** as it was, **{after:.0%}** with that bias."
    )
    return after, before


if __name__ == "__main__":
    app.run()
