"""``bptt remedies``: changes tried on the model, measured, ranked, and written to a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bptt.cli.context import refuse
from bptt.cli.models import open_model, refuse_length
from bptt.cli.next_command import data_words
from bptt.cli.options import (
    BatchFirst,
    BatchSize,
    Bidirectional,
    Cell,
    Clip,
    Data,
    Gain,
    Hidden,
    Init,
    Inputs,
    Json,
    Layers,
    LearningRate,
    MeasuredLength,
    ModelActivation,
    ModelFile,
    NeededLag,
    NoReport,
    Overwrite,
    Page,
    Readout,
    Recurrent,
    SequenceColumn,
    Target,
    planned_updates,
)
from bptt.cli.output import check_new, check_page
from bptt.cli.panels import OUTPUT

if TYPE_CHECKING:
    from bptt.models import Model
    from bptt.remedies import Tried
    from bptt.report.remedies.report import RemedyReport

MEASURED = 32  # sequences of a task; enough for the memory function
TOO_FEW = "--data holds too few sequences to learn from some and to measure on others. Pass a file with {} or more."


def remedies(
    model: ModelFile = None,
    data: Data = None,
    inputs: Inputs = None,
    target: Target = None,
    sequence: SequenceColumn = None,
    batch_first: BatchFirst = None,
    length: MeasuredLength = None,
    needed_lag: NeededLag = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="Names of the remedies to try, separated by commas. The default is all of them."
        ),
    ] = None,
    budget: Annotated[
        int,
        planned_updates(
            "The race takes about as long as they would, or longer if they are few; 0 measures without training."
        ),
    ] = 2000,
    lr: LearningRate = 1e-3,
    batch: BatchSize = 32,
    clip: Clip = 1.0,
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 128,
    bidirectional: Bidirectional = False,
    activation: ModelActivation = None,
    recurrent: Recurrent = None,
    readout: Readout = None,
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Annotated[
        int, typer.Option(help="Seed of the initial weights, and of everything random in the race.")
    ] = 0,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Write the model with the first-ranked remedy to --out.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    remedy: Annotated[
        str | None, typer.Option(help="Remedy to apply instead of the first-ranked.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File for the changed model.")] = Path(
        "remedied.safetensors"
    ),
    overwrite: Overwrite = False,
    report: Page = Path("remedies.html"),
    no_report: NoReport = False,
    json: Json = False,
) -> None:
    """Try changes on copies of the model: which of them will let it learn what lies at the needed lag?

    The copies run a race on held-out data: all of them train a little, the better half continues, and so on.
    They are ranked by their look ahead. Ctrl-C ends the race and ranks them by what is known by then.

    Examples:
      bptt remedies --cell lstm --data copy --length 50
      bptt remedies --data adding --apply
      bptt remedies --model model.safetensors --only orthogonal,gain --budget 0
    """
    from dataclasses import replace

    from rich.console import Console

    from bptt.data import Task
    from bptt.prognoses import enough_to_hold_out
    from bptt.prognoses.held_out import FEWEST_HELD, FEWEST_TRAIN
    from bptt.report import diagnose

    names = only.split(",") if only else None
    check_page(report, no_report)
    refuse(("remedy", "out", "overwrite"), not apply, "without --apply")
    _check_training(budget, names, apply)
    _check_remedies(names, remedy)
    if apply:
        check_new(
            out,
            replaced=overwrite,
            cure="Replace it (--overwrite), or pass the name of another file (--out).",
        )
    opened = open_model(
        model, data, length, reading=(inputs, target, sequence, batch_first),
        activation=activation, recurrent=recurrent, readout=readout,
        cell=cell, layers=layers, hidden=hidden, bidirectional=bidirectional, init=init, gain=gain, seed=seed,
    )  # fmt: skip
    refuse_length(opened)
    arguments = opened.batch(MEASURED if isinstance(opened.data, Task) else None)
    if needed_lag is None:
        needed_lag = opened.needed_lag
    ranking = diagnose(opened.network, arguments, needed_lag=needed_lag).try_remedies(
        opened.data, only=names, budget=budget, lr=lr, batch=batch, clip=clip or None, seed=seed,
    )  # fmt: skip
    ranking = replace(ranking, facts=(*ranking.facts, *opened.data_facts, *opened.facts))
    if ranking.no_trial is not None and not enough_to_hold_out(opened.data):
        ranking = replace(ranking, no_trial=TOO_FEW.format(FEWEST_TRAIN + FEWEST_HELD))
    if not no_report:
        ranking.save(report)
    if apply:
        opened.save(ranking.named(remedy).subject.model, out)
    if json:
        print(ranking.to_json())
        return
    console = Console()
    console.print(ranking)
    if not no_report:
        console.print(f"\nThe report with pictures: {report}", markup=False, soft_wrap=True)
    if apply:
        console.print(_written(ranking, remedy, opened, out), markup=False, soft_wrap=True)


def _check_training(budget: int, names: list[str] | None, apply: bool) -> None:
    """Refuse what is about the training where there is none; the remedy clip looks at batches all the same."""
    none, because = budget == 0, "with --budget 0, which trains nothing"
    refuse(("clip",), none, because)
    refuse(("lr",), none and not apply, because)
    refuse(("batch",), none and names is not None and "clip" not in names, because)


def _check_remedies(names: list[str] | None, remedy: str | None) -> None:
    """Refuse a remedy that there is not, or that will not be tried, before anything is.

    Raises:
        OptionError: naming those that there are.
    """
    from bptt.errors import OptionError
    from bptt.remedies.catalogue import chosen

    tried = [each.name for each in chosen(names)]
    if remedy is not None and remedy not in tried:
        raise OptionError(
            "remedy", f"one that is tried: {', '.join(tried)}", repr(remedy),
            "Choose from these." if names is None else "Choose from these, or add it to --only.",
        )  # fmt: skip


def _written(ranking: "RemedyReport", remedy: str | None, opened: "Model", out: Path) -> str:
    """What was written, and the command that trains it."""
    chosen = ranking.named(remedy)
    sentence = f"Written with {chosen.name}: {out}"
    if opened.from_pytorch:
        return sentence + f" ({'; '.join(chosen.sentences)})"
    return sentence + f"    next: {_next(chosen, opened, out)}"


def _next(chosen: "Tried", opened: "Model", out: Path) -> str:
    from bptt.data import Task

    words = ["bptt train --init-from", str(out), data_words(opened)]
    on_task = isinstance(opened.data, Task)
    if on_task:
        words += ["--length", str(opened.length)]
    words += [f"--lr {chosen.settings.lr:g}"]
    if on_task:
        words += ["--until solved"]
    words += [f"--{name} {_word(value)}" for name, value in chosen.changes.items() if name != "lr"]
    return " ".join(words)


def _word(value: Any) -> str:
    """A setting as an option of bptt train."""
    from bptt.training import Growing

    if isinstance(value, Growing):
        return f"growing:{value.first}:{value.last}:{value.updates}"
    return f"{value:g}"
