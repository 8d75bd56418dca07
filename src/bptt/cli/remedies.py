"""``bptt remedies``: changes tried on the model, measured, ranked, and written to a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bptt.cli.models import Opened, open_model
from bptt.cli.options import (
    Bidirectional,
    Cell,
    Data,
    Gain,
    GivenActivation,
    Hidden,
    Init,
    Json,
    Layers,
    Readout,
    Recurrent,
    Seed,
)

if TYPE_CHECKING:
    from bptt.remedies import Tried
    from bptt.report.remedies.report import RemedyReport


def remedies(
    model: Annotated[
        Path | None,
        typer.Option(
            help="A network saved by bptt train, or the weights of a PyTorch model (.safetensors, .pt, "
            ".pth, .bin, .ckpt; --data is a .npz file then). Without it, a fresh one."
        ),
    ] = None,
    data: Data = "text",
    length: Annotated[
        int | None,
        typer.Option(help="Steps per measured sequence of text, 128; the length of a task, 100."),
    ] = None,
    needed_lag: Annotated[
        int | None,
        typer.Option(
            help="How far back the task needs the gradient to reach; a task's own, else half the sequence."
        ),
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Remedies to try, by name, with commas; all of them.")
    ] = None,
    trial_updates: Annotated[
        int | None,
        typer.Option(
            help="Weight updates of each trial, by the data's size; 0 measures without training."
        ),
    ] = None,
    candidates: Annotated[
        int, typer.Option(help="How many of the changed networks are trained: the best by reach.")
    ] = 6,
    lr: Annotated[float, typer.Option(help="Learning rate of the trials, with Adam.")] = 1e-3,
    batch: Annotated[int, typer.Option(help="Sequences side by side in the trials.")] = 32,
    clip: Annotated[float, typer.Option(help="Largest gradient norm; 0 never clips.")] = 1.0,
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 128,
    bidirectional: Bidirectional = False,
    activation: GivenActivation = None,
    recurrent: Recurrent = None,
    readout: Readout = None,
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the model with the first-ranked remedy to --out.")
    ] = False,
    remedy: Annotated[
        str | None, typer.Option(help="With --apply, another remedy than the first-ranked.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File for the changed model.")] = Path(
        "remedied.safetensors"
    ),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out if it exists.")
    ] = False,
    report: Annotated[Path, typer.Option(help="The page to write (.html).")] = Path(
        "remedies.html"
    ),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no page.")] = False,
    json: Json = False,
) -> None:
    """Try what could help, on copies of the model: measure each, train it briefly, rank them.

    Each remedy is measured on the same batch: how much of the error signal arrives at the needed lag, how
    much of the input of that lag the state still holds, and how far a short training comes.

    Examples: bptt remedies --data adding --apply,
    bptt remedies --model model.safetensors --only orthogonal,gain --trial-updates 0,
    bptt remedies --cell lstm --data copy --length 50
    """
    from rich.console import Console

    from bptt import files
    from bptt.configuration import measured_batch
    from bptt.data.tasks import Task
    from bptt.errors import FileError, OptionError
    from bptt.report import diagnose
    from bptt.training.sources import source_of

    if not no_report:
        if report.suffix != ".html":
            raise OptionError("--report", "a name ending in .html", str(report), "Rename it.")
        files.check_writable(report)
    if apply:
        if files.exists(out) and not overwrite:
            raise FileError(
                str(out), "a new file", "one that exists",
                "Replace it (--overwrite) or choose another --out.",
            )  # fmt: skip
        files.check_writable(out)
    opened = open_model(
        model, data, length, activation, recurrent, readout,
        cell=cell, layers=layers, hidden=hidden, bidirectional=bidirectional, init=init, gain=gain, seed=seed,
    )  # fmt: skip
    network, loaded = opened.network, opened.data
    source_of(loaded, batch=1).check(network)
    sequences = MEASURED if isinstance(loaded, Task) else None
    arguments = measured_batch(loaded, opened.length, sequences, network.stack.dtype)
    if needed_lag is None and isinstance(loaded, Task):
        needed_lag = loaded.needed_lag
    found = diagnose(network, arguments, needed_lag=needed_lag).try_remedies(
        loaded, only=only.split(",") if only else None, trial_updates=trial_updates, lr=lr,
        batch=batch, clip=clip or None, candidates=candidates, seed=seed,
    )  # fmt: skip
    if not no_report:
        found.save(report)
    if apply:
        opened.save(found.named(remedy).subject.model, out)
    if json:
        print(found.to_json())
        return
    console = Console()
    console.print(found)
    if not no_report:
        console.print(f"\nThe page with the pictures: {report}", markup=False, soft_wrap=True)
    if apply:
        console.print(_written(found, remedy, opened, data, out), markup=False, soft_wrap=True)


MEASURED = 32  # sequences of a task; enough for the memory function


def _written(
    found: "RemedyReport", remedy: str | None, opened: Opened, data: str, out: Path
) -> str:
    """What was written, and the command that trains it."""
    from bptt.data.tasks import Task

    chosen = found.named(remedy)
    said = f"Written with {chosen.name}: {out}"
    on_task = isinstance(opened.data, Task)
    if not opened.own:
        return said + f" ({'; '.join(chosen.sentences)})"
    return said + f"    next: {_next(chosen, data, opened.length, on_task, out)}"


def _next(chosen: "Tried", data: str, length: int | None, on_task: bool, out: Path) -> str:
    words = ["bptt train --init-from", str(out), "--data", data]
    if length is not None and on_task:
        words += ["--length", str(length)]
    words += [f"--lr {chosen.settings.lr:g}"]
    if on_task:
        words += ["--until solved"]
    words += [f"--{name} {value:g}" for name, value in chosen.changes.items()]
    return " ".join(words)
