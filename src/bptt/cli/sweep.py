"""``bptt sweep``: many settings measured, on every processor or a cluster, kept in one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bptt.cli.options import BatchFirst, Inputs, Json, SequenceColumn, Style, Target, Width
from bptt.cli.output import check_ending, check_figure
from bptt.cli.panels import DATA, MODEL, OUTPUT, TRAINING
from bptt.cli.sweep_checks import check_drawn, check_rows, names_in, read_files, refuse_ignored
from bptt.cli.sweep_summary import print_json, print_summary

if TYPE_CHECKING:
    from bptt.sweeps import Plan

ROWS, PICTURES = (".csv", ".parquet", ".nc"), (".html", ".pdf", ".svg", ".png")


def _drawn(words: str) -> Any:
    return typer.Option(help=words, metavar="NAME")


def _axis(words: str, panel: str | None = None) -> Any:
    return typer.Option(help=words, rich_help_panel=panel, metavar="VALUES")


def sweep(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="TOML file with the tables axes and base. Options take precedence over it."
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="File for the rows. Points that it holds already are not measured again.",
            rich_help_panel=OUTPUT,
        ),
    ] = Path("sweep.sqlite"),
    cell: Annotated[
        str | None, _axis("The cell: rnn (the default), lstm, gru or cho_gru.", MODEL)
    ] = None,
    activation: Annotated[str | None, _axis("Activation of an rnn. The default is tanh.")] = None,
    init: Annotated[str | None, _axis("Initial weights. The default is orthogonal.")] = None,
    gain: Annotated[
        str | None, _axis("Factor by which the initial W_R is multiplied. The default is 1.", MODEL)
    ] = None,
    input_variance: Annotated[
        str | None,
        _axis(
            "Variance that W_F x adds to every z. The default, none, leaves W_F as it is drawn.",
            MODEL,
        ),
    ] = None,
    bias: Annotated[
        str | None,
        _axis(
            "Added to b; in an lstm or gru to the part of the gate that carries. The default is 0."
        ),
    ] = None,
    hidden: Annotated[str | None, _axis("Units of each layer. The default is 64.", MODEL)] = None,
    layers: Annotated[str | None, _axis("Number of layers. The default is 1.")] = None,
    batch: Annotated[str | None, _axis("Number of measured sequences. The default is 8.")] = None,
    seed: Annotated[
        str | None, _axis("Seed of the weights and the sequences. The default is 0.")
    ] = None,
    data: Annotated[
        str | None, _axis("noise (the default), or what bptt diagnose --data takes.", DATA)
    ] = None,
    length: Annotated[
        str | None, _axis("Time steps of a sequence. The default is 100.", DATA)
    ] = None,
    inputs: Inputs = None,
    target: Target = None,
    sequence: SequenceColumn = None,
    batch_first: BatchFirst = None,
    loss_at: Annotated[
        str | None, _axis("Where noise has its loss: last (the default) or every step.")
    ] = None,
    dtype: Annotated[
        str | None, _axis("Type of the numbers: float32 (the default) or float64.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="Number of points to draw at random, instead of the whole grid."),
    ] = None,
    sample_seed: Annotated[
        int | None, typer.Option(help="Seed of that draw. The default is 0.")
    ] = None,
    train_updates: Annotated[
        int | None,
        typer.Option(
            help="Weight updates of a training after the measurement. The default, 0, only measures.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate of that training, with Adam. The default is 0.001."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Where points are measured: loky (processes), threads, dask or ray.")
    ] = "loky",
    workers: Annotated[
        int | None, typer.Option(help="Number of workers. The default is one per processor.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of a running Dask or Ray scheduler. Without it, one is started here."
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Measure again the points that failed before.")
    ] = False,
    refine: Annotated[
        int | None,
        typer.Option(
            help="Rounds in which points are added half-way wherever the exponent λ₁ changes its sign along the gain. The default is 0."
        ),
    ] = None,
    no_curves: Annotated[
        bool,
        typer.Option(
            "--no-curves",
            help="Keep no curves by lag, which take some three kilobytes of a point at 100 lags.",
        ),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            help="File to export the rows to, .csv, .parquet or .nc (NetCDF). Without a setting to vary, all rows of --out are exported and nothing is measured.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="Rows of the exported file: points (the default), layers (one for each layer) or lags (one for each layer and lag).",
        ),
    ] = None,
    map: Annotated[
        Path | None,
        typer.Option(
            help="File to draw the rows in: .html is a page, .pdf, .svg or .png its first picture. Without a "
            "setting to vary, all rows of --out are drawn and nothing is measured.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    x: Annotated[
        str | None,
        _drawn(
            "Field along the horizontal axis. The default is the gain, or the first that varies."
        ),
    ] = None,
    y: Annotated[
        str | None, _drawn("Field along the vertical axis. The default is the next that varies.")
    ] = None,
    colour: Annotated[
        str | None,
        _drawn(
            "Column shown as colour: lyapunov (the default), rate, horizon, memory, loss or another."
        ),
    ] = None,
    split: Annotated[
        str | None,
        _drawn("Fields with a picture for each value, separated by commas, such as cell."),
    ] = None,
    width: Width = None,
    style: Style = None,
    json: Json = False,
) -> None:
    """Measure many settings: every combination of the values given, or points drawn at random.

    An option with VALUES takes one value (0.5), several (0.5,1,2) or a range (0.5:3:26 or log:8:512:7).
    A sweep that was stopped, or killed, goes on where it was when the same command is given again.

    Examples:
      bptt sweep --init gaussian --gain 0.5:3:26 --input-variance 0:2:21 --seed 0:2
      bptt sweep --cell rnn,lstm,gru --hidden log:8:256:6 --data adding --train-updates 500
      bptt sweep --gain 0.5:3 --input-variance 0:2 --sample 500
      bptt sweep sweep.toml --engine dask --address tcp://host:8786
      bptt sweep --export rows.csv
      bptt sweep --map map.html --colour horizon
    """
    from bptt.sweeps import open as open_sweep
    from bptt.sweeps import run_plan

    axes: dict[str, str | None] = {
        "cell": cell, "activation": activation, "init": init, "gain": gain,
        "input_variance": input_variance, "bias": bias, "hidden": hidden, "layers": layers,
        "length": length, "batch": batch, "seed": seed, "data": data, "loss_at": loss_at,
        "dtype": dtype,
    }  # fmt: skip
    numbers = {
        "sample": sample, "sample_seed": sample_seed, "train_updates": train_updates, "lr": lr,
    }  # fmt: skip
    asked = {"x": x, "y": y, "colour": colour, "split": split}
    drawn = {name: words for name, words in asked.items() if words is not None}
    if export is not None:
        check_ending(export, "export", ROWS)
    check_rows(rows, export)
    check_figure(map, "map", PICTURES, width, style)
    check_drawn(map, drawn)
    reading = {
        "inputs": inputs, "target": target, "sequence": sequence, "batch_first": batch_first,
    }  # fmt: skip
    plan = _plan(file, axes, reading, numbers)
    only_read = not plan.axes and (export is not None or map is not None)
    refuse_ignored(plan, only_read)
    if only_read:
        results = open_sweep(out)
    else:
        if address is None:  # a cluster's files may lie elsewhere
            read_files(plan)
        try:
            results = run_plan(
                plan, out=out, engine=engine, workers=workers, address=address,
                retry_failed=retry_failed, refine=refine or 0, curves=not no_curves, progress=True,
            )  # fmt: skip
        except KeyboardInterrupt:
            print(
                f"bptt: stopped. Finished rows are in {out}; the same command goes on from there."
            )
            raise typer.Exit(130) from None
    if export is not None:
        results.save(export, what=rows or "points")
    if map is not None:
        parts: dict[str, Any] = drawn | ({"split": names_in(split)} if split is not None else {})
        results.save(map, width=width, style=style, **parts)
    saved = {"export": export, "map": map}
    if json:
        print_json(results, saved)
    else:
        print_summary(results, saved)
    if results.failed == len(results):
        raise typer.Exit(1)


def _plan(
    file: Path | None, axes: dict[str, str | None], reading: dict[str, Any], numbers: dict[str, Any]
) -> "Plan":
    """What the file says, and the options, which go before it."""
    from dataclasses import replace

    from bptt.sweeps import Plan, read_plan

    plan = Plan({}) if file is None else read_plan(file)
    varied = dict(plan.axes) | {name: words for name, words in axes.items() if words is not None}
    given = {name: value for name, value in numbers.items() if value is not None}
    said = {name: value for name, value in reading.items() if value is not None}
    return replace(plan, axes=varied, base=replace(plan.base, **said), **given)
