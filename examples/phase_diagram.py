"""A phase diagram: marimo edit examples/phase_diagram.py, with bptt[lab,sweep]."""

import marimo

app = marimo.App(app_title="A phase diagram")


@app.cell
def _():
    import tempfile
    from pathlib import Path

    import marimo as mo

    import bptt
    from bptt.configuration import Configuration

    return Configuration, Path, bptt, mo, tempfile


@app.cell
def _(mo):
    mo.md("""
    # Order and chaos

    A plain network with Gaussian weights is measured for many gains of W_R and many sizes of its inputs. For a small gain nearby states come
    together, and the gradient vanishes. For a large gain they move apart, and it explodes. Inputs shift the border between the two: they push
    the units to where the slope of tanh is smaller.
    """)
    return


@app.cell
def _(Configuration, Path, bptt, tempfile):
    swept = bptt.sweep(
        {"gain": "0.5:3:11", "input_variance": "0.5:2:4"},
        base=Configuration(init="gaussian", hidden=64, length=60),
        out=Path(tempfile.mkdtemp()) / "sweep.sqlite",
        engine="threads",
    )
    len(swept.rows())
    return (swept,)


@app.cell
def _(swept):
    swept.phase_diagram("gain", "input_variance")
    return


@app.cell
def _(mo, swept):
    crossings = swept.crossings()
    mo.vstack([
        mo.md("The gain at which the largest Lyapunov exponent is zero, measured, and as mean-field theory says for infinitely many units:"),
        mo.ui.table([{"where": c.of, "measured": round(c.at, 2), "theory": round(c.theory, 2)} for c in crossings]),
    ])  # fmt: skip
    return (crossings,)


if __name__ == "__main__":
    app.run()
