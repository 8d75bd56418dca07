"""``bptt prognosis``: will it learn what lies far back? A copy is trained a tenth of the way and measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bptt.cli.context import refuse
from bptt.cli.models import open_model, refuse_length
from bptt.cli.next_command import next_command
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
    ModelActivation,
    ModelFile,
    NeededLag,
    NoReport,
    Omega,
    Page,
    Readout,
    Recurrent,
    SequenceColumn,
    Target,
    planned_updates,
)
from bptt.cli.output import check_page
from bptt.cli.remedies import remedies
from bptt.cli.train import train
from bptt.cli.training_words import curriculum_of

if TYPE_CHECKING:
    from bptt.models import Model
    from bptt.report.prognosis import PrognosisReport

BY_HAND = 130  # exit code of what Ctrl-C stopped


def prognosis(
    model: ModelFile = None,
    data: Data = None,
    inputs: Inputs = None,
    target: Target = None,
    sequence: SequenceColumn = None,
    batch_first: BatchFirst = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Length of a task (100, or that of the training), or time steps of text from one weight update "
            "to the next (64)."
        ),
    ] = None,
    needed_lag: NeededLag = None,
    budget: Annotated[int, planned_updates("A tenth of them are made here.")] = 2000,
    lr: LearningRate = 1e-3,
    batch: BatchSize = 32,
    clip: Clip = 1.0,
    window: Annotated[
        int | None,
        typer.Option(
            help="How many time steps of text the gradient reaches back. The default is --length."
        ),
    ] = None,
    curriculum: Annotated[
        str | None,
        typer.Option(
            help="Length of a task in the training: drawn:50:200 or growing:20:200:1000, as for bptt train."
        ),
    ] = None,
    omega: Omega = 0.0,
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
        int,
        typer.Option(
            help="Seed of the initial weights, of the order of the data and of the choice of held-out data."
        ),
    ] = 0,
    report: Page = Path("prognosis.html"),
    no_report: NoReport = False,
    json: Json = False,
) -> None:
    """Say whether a network will learn what lies far back, and what is missing if not.

    Trains a copy for a tenth of the weight updates that you plan, and measures it at the start, half-way and
    at the end, on held-out data: how much of the error signal reaches the needed lag (reach), how much of
    the gradient from there is the same on other data (agreement), and whether the network can form what the
    loss asks for (form). Ctrl-C ends the look ahead and shows what is known by then.

    Examples:
      bptt prognosis --data adding --length 50
      bptt prognosis --cell lstm --data vowels --budget 500
      bptt prognosis --model weights.pt --data sequences.npz --needed-lag 40
    """
    from rich.console import Console

    from bptt.data import Text
    from bptt.report.prognosis import Training, as_budget, learner_of, report_of, title_of

    check_page(report, no_report)
    as_budget(budget)
    lengths = curriculum_of(curriculum)
    opened = open_model(
        model, data, length, reading=(inputs, target, sequence, batch_first),
        activation=activation, recurrent=recurrent, readout=readout,
        cell=cell, layers=layers, hidden=hidden, bidirectional=bidirectional, init=init, gain=gain, seed=seed,
    )  # fmt: skip
    refuse_length(opened)
    loaded, on_text = opened.data, isinstance(opened.data, Text)
    refuse(("window",), not on_text, f"for {opened.source}, which is no text")
    chunk = length if on_text else None
    training = Training(lr, batch, clip or None, chunk, window, omega, lengths, seed=seed)
    learner = learner_of(opened.network, loaded, None, needed_lag, training)
    ahead = report_of(
        learner,
        budget,
        title=title_of(opened.network, loaded),
        facts=(*opened.data_facts, *opened.facts),
    )
    written = not no_report and bool(ahead.measured)
    if written:
        ahead.save(report)
    if json:
        print(ahead.to_json())
    else:
        console = Console()
        console.print(ahead)
        console.print(f"\n{_next(ahead, opened, model, lr, seed)}", markup=False, soft_wrap=True)
        if written:
            console.print(f"The report with curves: {report}", markup=False, soft_wrap=True)
    if ahead.stopped is not None and not ahead.diverged:
        raise typer.Exit(BY_HAND)


def _next(
    ahead: "PrognosisReport", opened: "Model", path: Path | None, lr: float, seed: int
) -> str:
    """The command that follows: the very training, or what could supply what is missing."""
    from bptt.data import Task, Text

    on_text = isinstance(opened.data, Text)
    if ahead.verdict != "will learn":
        other = ("length",) if on_text else ()  # there of what is measured
        return f"What could help: {next_command(remedies, without=other)}"
    if opened.from_pytorch:
        return "PyTorch's weights are trained in PyTorch; use these settings there."
    planned: dict[str, object] = {"lr": lr, "updates": ahead.budget}
    if isinstance(opened.data, Task) and opened.data.learnable:
        planned["until"] = "solved"
    if seed and not on_text:  # a text is read in its own order
        planned["data_seed"] = seed
    if path is not None:
        planned |= {"init_from": path, "out": "trained.safetensors"}
    unknown = () if path is None else ("seed",)  # the weights are there
    return f"To train it: {next_command(train, without=unknown, more=planned)}"
