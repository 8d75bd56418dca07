"""``bptt sweep``: many settings measured, on every processor or a cluster, kept in one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bptt.cli.options import Json

if TYPE_CHECKING:
    from bptt.sweeps import Plan, Sweep

OF_A_SETTING = "The setting: 0.5 or 0.5,1,2 or 0.5:3:26 or log:8:512:7"

OF_THE_MAP = "The map"
ROWS, PICTURES = (".csv", ".parquet"), (".html", ".svg", ".png")


def _drawn(words: str) -> Any:
    return typer.Option(help=words, rich_help_panel=OF_THE_MAP, metavar="NAME")


def _axis(words: str) -> Any:
    return typer.Option(help=words, rich_help_panel=OF_A_SETTING, metavar="VALUES")


def sweep(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A TOML file with the tables axes and base; what options say goes before it."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="File for the rows. What it holds already is not measured again.")
    ] = Path("sweep.sqlite"),
    cell: Annotated[str | None, _axis("rnn, lstm or gru.")] = None,
    activation: Annotated[str | None, _axis("Of rnn; tanh.")] = None,
    init: Annotated[str | None, _axis("Scheme of the initial weights; orthogonal.")] = None,
    gain: Annotated[str | None, _axis("Multiplies the initial W_R; 1.")] = None,
    input_variance: Annotated[
        str | None, _axis("Variance that W_F x adds to every z; none leaves W_F as drawn.")
    ] = None,
    bias: Annotated[
        str | None, _axis("Added to b; of lstm and gru to the gate that carries; 0.")
    ] = None,
    hidden: Annotated[str | None, _axis("Units of each layer; 64.")] = None,
    layers: Annotated[str | None, _axis("Layers on top of one another; 1.")] = None,
    length: Annotated[str | None, _axis("Steps of a sequence; 100.")] = None,
    batch: Annotated[str | None, _axis("Measured sequences; 8.")] = None,
    seed: Annotated[str | None, _axis("Of weights and sequences; 0.")] = None,
    data: Annotated[str | None, _axis("noise, or what bptt diagnose --data takes; noise.")] = None,
    loss_at: Annotated[str | None, _axis("last or every step, of noise; last.")] = None,
    dtype: Annotated[str | None, _axis("float32 or float64; float32.")] = None,
    sample: Annotated[
        int | None, typer.Option(help="Draw that many points at random instead of the whole grid.")
    ] = None,
    sample_seed: Annotated[int | None, typer.Option(help="Seed of the draw; 0.")] = None,
    train_updates: Annotated[
        int | None,
        typer.Option(help="Then train each network for so many weight updates; 0 only measures."),
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate of Adam; 0.001.")] = None,
    engine: Annotated[str, typer.Option(help="loky (processes), threads, dask or ray.")] = "loky",
    workers: Annotated[int | None, typer.Option(help="How many; one per processor.")] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Of a running Dask or Ray scheduler; without it one is started here."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Measure points again that failed before.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the rows here too, .csv or .parquet. Without axes: all of --out."),
    ] = None,
    map: Annotated[
        Path | None,
        typer.Option(
            help="Draw the rows: .html is the page, .svg or .png its first picture. Without axes: all "
            "of --out, and nothing is measured.",
            rich_help_panel=OF_THE_MAP,
        ),
    ] = None,
    x: Annotated[str | None, _drawn("Field across; the gain, or the first one varied.")] = None,
    y: Annotated[str | None, _drawn("Field upward; the next one.")] = None,
    colour: Annotated[
        str | None,
        _drawn("lyapunov, rate, horizon, log10_attenuation, memory, solved, loss ...; lyapunov."),
    ] = None,
    split: Annotated[
        str | None, _drawn("Fields that get a picture per value; names, such as the cell.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure many settings: every combination of the values given, or points drawn at random.

    A sweep that was stopped, or killed, goes on where it was when the same command is given again.

    Examples: bptt sweep --init gaussian --gain 0.5:3:26 --input-variance 0:2:21 --seed 0:2,
    bptt sweep --cell rnn,lstm,gru --hidden log:8:256:6 --data adding --train-updates 500,
    bptt sweep --gain 0.5:3 --input-variance 0:2 --sample 500,
    bptt sweep sweep.toml --engine dask --address tcp://host:8786, bptt sweep --export rows.csv,
    bptt sweep --map map.html --colour horizon
    """
    from bptt.sweeps import open as open_sweep
    from bptt.sweeps import run_plan

    given: dict[str, str | None] = {
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
    for path, option, endings in ((export, "--export", ROWS), (map, "--map", PICTURES)):
        if path is not None:
            _check(path, option, endings)
    _check_drawn(map, drawn)
    plan = _plan(file, given, numbers)
    if not plan.axes and (export is not None or map is not None):
        found = open_sweep(out)
    else:
        try:
            found = run_plan(
                plan, out=out, on=engine, workers=workers, address=address,
                retry_failed=retry_failed, progress=True,
            )  # fmt: skip
        except KeyboardInterrupt:
            print(
                f"bptt: stopped. Finished rows are in {out}; the same command goes on from there."
            )
            raise typer.Exit(130) from None
    if export is not None:
        found.save(export)
    if map is not None:
        parts = {"split": _names(split)} if split is not None else {}
        found.save(map, **{**drawn, **parts})
    saved = {"export": export, "map": map}
    if json:
        _print_json(found, saved)
    else:
        _print(found, saved)
    if found.failed == len(found):
        raise typer.Exit(1)


def _plan(file: Path | None, given: dict[str, str | None], numbers: dict[str, Any]) -> "Plan":
    """What the file says, and the options, which go before it."""
    from dataclasses import replace

    from bptt.sweeps import Plan, read_plan

    plan = Plan({}) if file is None else read_plan(file)
    axes = dict(plan.axes) | {name: words for name, words in given.items() if words is not None}
    said = {name: value for name, value in numbers.items() if value is not None}
    return replace(plan, axes=axes, **said)


def _check(path: Path, option: str, endings: tuple[str, ...]) -> None:
    from bptt import files
    from bptt.errors import OptionError

    if path.suffix not in endings:
        raise OptionError(option, "a name ending in " + ", ".join(endings), str(path), "Rename it.")
    files.check_writable(path)


def _check_drawn(path: Path | None, drawn: dict[str, str]) -> None:
    """Refuse words about a map before hours are spent on its points.

    Raises:
        OptionError: if there is no map, or no such field or column.
    """
    from bptt.errors import OptionError
    from bptt.sweeps.maps.grid import NUMBERS
    from bptt.sweeps.point.rows import CONFIGURATION

    for name, words in drawn.items():
        if path is None:
            raise OptionError(f"--{name}", "--map beside it", "none", "Give --map map.html.")
        allowed = NUMBERS if name == "colour" else tuple(CONFIGURATION)
        for word in _names(words) if name == "split" else (words,):
            if word not in allowed:
                raise OptionError(f"--{name}", "one of " + ", ".join(allowed), word, "Choose one.")


def _names(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _print(found: "Sweep", saved: dict[str, Path | None]) -> None:
    over = f" over {', '.join(found.varied)}" if found.varied else ""
    print(f"{len(found)} points{over}")
    for verdict, count in found.verdicts.items():
        print(f"  {verdict:<10} {count:>6}")
    if found.failed:
        first = next(row["error"] for row in found.rows() if row["status"] == "failed")
        print(f"  {'failed':<10} {found.failed:>6}   the first: {first}")
    for sentence in found.findings():
        print(f"  {sentence}")
    paths = [str(path) for path in saved.values() if path is not None]
    print("saved: " + " and ".join([str(found.path), *paths]))


def _print_json(found: "Sweep", saved: dict[str, Path | None]) -> None:
    from json import dumps

    document = {
        "out": str(found.path),
        **{name: None if path is None else str(path) for name, path in saved.items()},
        "points": len(found),
        "varied": found.varied,
        "verdicts": found.verdicts,
        "failed": found.failed,
        "findings": found.findings(),
    }
    print(dumps(document, indent=1))
