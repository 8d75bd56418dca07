"""The lecture's sum, term by term: marimo edit examples/lecture.py, with bptt[lab]."""

import marimo

app = marimo.App(app_title="The lecture's sum, term by term")


@app.cell
def _():
    import marimo as mo
    import numpy as np

    import bptt
    from bptt.derivation import Derivation

    return Derivation, bptt, mo, np


@app.cell
def _(Derivation, mo):
    mo.md(
        "# The lecture's sum, term by term\n\nW_R acts at every step, on a state that it made itself. So its gradient is a sum with a term for every step back:\n\n$$"
        + Derivation(3).latex()
        + "$$"
    )
    return


@app.cell
def _(mo):
    gain = mo.ui.slider(0.5, 2.0, 0.1, value=1.0, label="W_R, times", show_value=True)
    gain
    return (gain,)


@app.cell
def _(bptt, gain, np):
    network = bptt.Network.init(
        inputs=3, hidden=32, outputs=2, scheme="orthogonal", gain=gain.value, rng=0, dtype="float64"
    )
    rng = np.random.default_rng(0)
    x, targets = rng.normal(size=(60, 8, 3)), rng.integers(2, size=(60, 8))
    run = network.run(x, targets)
    profile = bptt.by_lag(run.trace, run.dh, keep_matrices=True)
    difference = np.abs(profile.matrices.sum(axis=0) - network.backward(run)["W_R"]).max()
    return difference, network, profile, targets, x


@app.cell
def _(bptt, difference, mo, network, profile, targets, x):
    report = bptt.diagnose(network, (x, targets), progress=False)
    mo.vstack([
        report.charts.by_lag,
        mo.md(
            f"The terms add up to the gradient: the largest difference is {difference:.0e}. Per step back W_R multiplies the signal by "
            f"e^{profile.weight_gain[:20].mean():+.2f}, the slope φ′ by e^{profile.activation_gain[:20].mean():+.2f}. Move the slider: the one grows, "
            "and the other falls, because larger states lie where tanh is flat."
        ),
    ])  # fmt: skip
    return (report,)


if __name__ == "__main__":
    app.run()
