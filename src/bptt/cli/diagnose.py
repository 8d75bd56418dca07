"""``bptt diagnose``: the main job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bptt.cli.models import open_model
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
    training_bar,
    usual_updates,
)

if TYPE_CHECKING:
    from bptt.data.tasks import Task

BATCH = 32  # of the brief training


def diagnose(
    model: Annotated[
        Path | None,
        typer.Option(
            help="A network saved by bptt train, or the weights of a PyTorch model (.safetensors, .pt, "
            ".pth, .bin, .ckpt; --data is a .npz file then). Without it, one is trained briefly."
        ),
    ] = None,
    data: Data = "text",
    needed_lag: Annotated[
        int | None,
        typer.Option(
            help="How far back the task needs the gradient to reach; a task's own, else half the sequence."
        ),
    ] = None,
    truncation: Annotated[
        int | None,
        typer.Option(help="The K you truncate at, to be marked; on text that of the training, 64."),
    ] = None,
    max_lag: Annotated[
        int | None, typer.Option(help="Largest lag to compute; all of them.")
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(help="Steps per measured sequence of text, 128; the length of a task, 100."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Measured sequences; 16, fewer where they are long.")
    ] = None,
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
    updates: Annotated[
        int | None,
        typer.Option(help="Weight updates of the training without --model; by the data's size."),
    ] = None,
    report: Annotated[Path, typer.Option(help="The page to write (.html).")] = Path("report.html"),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no page.")] = False,
    json: Json = False,
) -> None:
    """Show how far back in time the gradient reaches, why no further, and what to change.

    Trains a recurrent network for some seconds and measures it before and after, on data it has not seen;
    or measures a saved one.

    Examples: bptt diagnose, bptt diagnose --cell lstm --data vowels,
    bptt diagnose --data adding --length 50, bptt diagnose --init orthogonal --needed-lag 50,
    bptt diagnose --model model.safetensors, bptt diagnose --model weights.pt --data batch.npz
    """
    from dataclasses import replace

    from rich.console import Console, Group

    from bptt import files
    from bptt.cli.advice_words import with_options
    from bptt.configuration import measured_batch
    from bptt.data import Series, Text
    from bptt.data.tasks import Task
    from bptt.diagnosis import Diagnosis, diagnose_network
    from bptt.errors import NonFiniteError, OptionError
    from bptt.network import Network
    from bptt.presentation.formatting import percent
    from bptt.report import Report
    from bptt.report.terminal import render
    from bptt.training import train
    from bptt.training.sources import source_of

    if not no_report:
        if report.suffix != ".html":
            raise OptionError("--report", "a name ending in .html", str(report), "Rename it.")
        files.check_writable(report)
    opened = open_model(
        model, data, length, activation, recurrent, readout,
        cell=cell, layers=layers, hidden=hidden, bidirectional=bidirectional, init=init, gain=gain, seed=seed,
    )  # fmt: skip
    network, loaded, own, length = opened.network, opened.data, opened.own, opened.length
    source = source_of(loaded, batch=BATCH)
    source.check(network)
    if truncation is None and isinstance(loaded, Text) and model is None:
        truncation = 64
    arguments = measured_batch(loaded, length, batch, network.stack.dtype)
    needed, told, facts = needed_lag, None, [("Data", loaded.name)]
    if isinstance(loaded, Task):
        facts = about_task(loaded)
        if needed_lag is None:
            needed, told = loaded.needed_lag, why_that_lag(loaded)

    def measure(net: Network) -> Diagnosis:
        found = diagnose_network(net, arguments, needed, max_lag=max_lag, truncation=truncation)
        return found if told is None else replace(found, assumed=(told, *found.assumed[1:]))

    now, before = measure(network), None
    if own and isinstance(loaded, Series) and not loaded.apart:
        facts.append(
            ("held out", "nothing, there are fewer than five sequences: measured on the same")
        )
    digits = ".4g" if isinstance(loaded, Task) else ".2f"  # 0.0167 is solved, 0.02 is not
    if model is None:
        updates = usual_updates(loaded, BATCH) if updates is None else updates
        try:
            untrained = source.score(network)
            with training_bar("training") as progress:
                result = train(network, loaded, updates=updates, batch=BATCH, progress=progress)
        except NonFiniteError as error:  # what was measured before is an answer too
            facts.append(("training", f"stopped, {error}"))
        else:
            before, now = now, measure(result.network)
            facts += [
                ("training", f"{updates} updates by Adam"),
                ("clipping", f"active in {percent(result.clipped)} of updates"),
                (f"held-out {result.measure} before", f"{untrained:{digits}}"),
                ("after", f"{result.score:{digits}}"),
            ]
    else:
        part = "held-out " if own else ""
        facts += [*opened.about, (f"{part}{source.measure}", f"{source.score(network):{digits}}")]
    made = Report(now, before, title=repr(network.body), facts=tuple(facts))
    if not no_report:
        made.save(report)
    if json:
        print(made.to_json())
        return
    console = Console()
    command = "" if model is None else "bptt train" if own else None
    console.print(Group(*render(made.stages(), lambda advice: with_options(advice, command))))
    console.print("\n" + ". ".join(f"{name}: {value}" for name, value in facts) + ".", markup=False)
    if not no_report:
        console.print(f"The page with the pictures: {report}", markup=False, soft_wrap=True)


def about_task(task: "Task") -> list[tuple[str, str]]:
    """What the head of the page says of a task."""
    sign = "from" if task.loss == "cross_entropy" else "up to"
    return [
        ("Data", f"{task.name}, length {task.length}"),
        ("loss without memory", f"{task.baseline:.4g}"),
        ("solved", f"{task.measure} {sign} {task.solved:.4g}"),
    ]


def why_that_lag(task: "Task") -> str:
    """Why a task is said to need its lag."""
    least, most = task.needed_lag, task.longest_lag
    where = f"{least} steps" if least == most else f"{least} to {most} steps"
    return f"The task needs lag {least}: what it asks for lies {where} back."
