"""A training, watched: marimo edit examples/watching.py, with bptt[lab,torch]."""

import marimo

app = marimo.App(app_title="A training, watched")


@app.cell
def _():
    import altair as alt
    import marimo as mo
    import torch
    from torch import nn

    import bptt

    return alt, bptt, mo, nn, torch


@app.cell
def _(mo):
    mo.md("""
    # A training, watched

    A GRU must say at the end of 40 numbers what the first one was. `bptt.Monitor` measures it on one small batch every 20 updates: how far
    back its gradient reaches, while the loss comes down or does not.
    """)
    return


@app.cell
def _(bptt, nn, torch):
    class Recall(nn.Module):
        def __init__(self, bias):
            super().__init__()
            self.rnn, self.head = nn.GRU(1, 20), nn.Linear(20, 1)
            with torch.no_grad():
                self.rnn.bias_ih_l0[20:40] += bias

        def forward(self, x):
            return self.head(self.rnn(x)[0][-1])

    def draw(count):
        x = torch.randn(40, count, 1)
        return x, x[0]

    def loss(model, batch):
        x, wanted = batch
        return nn.functional.mse_loss(model(x), wanted)

    def watched(bias, name):
        torch.manual_seed(0)
        model, lines = Recall(bias), []
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        with bptt.Monitor(model, draw(8), loss, every=20, needed_lag=39, log=lines.append):
            for update in range(201):
                optimiser.zero_grad()
                E = loss(model, draw(32))
                E.backward()
                optimiser.step()
                if update % 20 == 0:
                    lines[-1] |= {"loss": E.item(), "model": name}
        return lines

    lines = watched(0.0, "as PyTorch makes it") + watched(3.0, "update gate opened, b_z + 3")
    sorted(lines[0])
    return (lines,)


@app.cell
def _(alt, lines, mo):
    def chart(field, title, scale):
        rows = [
            {"step": line["step"], "model": line["model"], title: line[field]} for line in lines
        ]
        axes = {
            "x": alt.X("step:Q", title="update"),
            "y": alt.Y(f"{title}:Q", scale=alt.Scale(type=scale)),
            "color": "model:N",
        }
        return (
            alt.Chart(alt.Data(values=rows))
            .mark_line(point=True)
            .encode(**axes)
            .properties(width=300, height=200)
        )

    mo.vstack([
        mo.hstack([chart("bptt/rnn.0/horizon", "horizon in lags", "linear"), chart("loss", "loss", "log")]),
        mo.md("The horizon comes first: only where an error reaches the first step can the loss come down."),
    ])  # fmt: skip
    return


if __name__ == "__main__":
    app.run()
