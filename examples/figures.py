"""Figures for a paper, from nothing: marimo edit examples/figures.py, with bptt[lab,sweep,figures]."""

import marimo

app = marimo.App(app_title="Figures for a paper")


@app.cell
def _():
    import tempfile
    from pathlib import Path

    import marimo as mo
    import numpy as np

    import bptt
    from bptt.configuration import Configuration
    from bptt.dynamics import mean_field

    return Configuration, Path, bptt, mean_field, mo, np, tempfile


@app.cell
def _(mo):
    mo.md("""
    # Figures for a paper

    ## The gradient by lag for three initial weights

    One sweep measures every network and keeps its curves in one file; one call draws them, the median over the seeds and
    the quartiles around it.
    """)
    return


@app.cell
def _(Configuration, Path, bptt, tempfile):
    folder = Path(tempfile.mkdtemp())
    inits = bptt.sweep(
        {"init": ["orthogonal", "gaussian", "pytorch"], "seed": "0:4"},
        base=Configuration(hidden=48, length=60, input_variance=0.1),
        out=folder / "inits.sqlite", engine="threads",
    )  # fmt: skip
    compared = inits.compare("init")
    compared.save(folder / "inits.pdf", width="one")
    compared.chart
    return compared, folder, inits


@app.cell
def _(mo):
    mo.md("""
    ## Where the gradient turns from vanishing to exploding

    Dots are the gains at which λ₁ is zero, with two standard errors over the seeds; the dashed line is mean field's.
    """)
    return


@app.cell
def _(Configuration, bptt, folder):
    phase = bptt.sweep(
        {"gain": "0.6:2.6:11", "input_variance": "0.1:1.5:6", "seed": "0:2"},
        base=Configuration(init="gaussian", hidden=64, length=60, batch=4),
        engine="threads", curves=False,
    )  # fmt: skip
    phase.save(folder / "phase.pdf", width="one")
    phase.phase_diagram()
    return (phase,)


@app.cell
def _(mo):
    mo.md("""
    ## A Lyapunov spectrum

    Every exponent of a chaotic network without inputs, in two sizes: over their number divided by the units they lie nearly on one
    curve.
    """)
    return


@app.cell
def _(Configuration, bptt, folder, np):
    from bptt.presentation.series import Series, on_axes

    def spectrum(hidden):
        layer = (
            Configuration(init="gaussian", hidden=hidden, gain=3.0, dtype="float64", length=2)
            .build()
            .network.layer
        )
        h0 = np.random.default_rng(0).standard_normal((1, hidden))
        return bptt.lyapunov(layer.forward(np.zeros((400, 1, layer.inputs)), h0), skip=100)

    spectra = {hidden: spectrum(hidden) for hidden in (64, 128)}
    ax = on_axes(
        [
            Series(f"{hidden} units", np.arange(hidden) / hidden, found.exponents)
            for hidden, found in spectra.items()
        ],
        "number of the exponent / units", "Lyapunov exponent (ln per step)", powers=False,
    )  # fmt: skip
    ax.figure.savefig(folder / "spectrum.pdf")
    ax
    return (spectra,)


@app.cell
def _(mean_field, mo, phase, spectra):
    zero = {each.of["input_variance"]: each for each in phase.crossings()}
    at = max(zero)
    mo.md(f"""
    λ₁ is zero at a gain of {zero[at].at:.2f} for an input variance of {at:g}, where mean field says {zero[at].theory:.2f};
    the largest exponent of the spectrum is {spectra[128].exponents[0]:.2f}, and mean field's {mean_field(3.0).rate:.2f}.
    """)
    return (zero,)


if __name__ == "__main__":
    app.run()
