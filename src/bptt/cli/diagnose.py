"""``bptt diagnose``: the main job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bptt.cli.context import refuse
from bptt.cli.models import open_model, refuse_length
from bptt.cli.next_command import next_command
from bptt.cli.options import (
    BatchFirst,
    Bidirectional,
    Cell,
    Data,
    Gain,
    Hidden,
    Init,
    Inputs,
    Json,
    Layers,
    MeasuredLength,
    ModelActivation,
    ModelFile,
    NeededLag,
    NoReport,
    Page,
    Readout,
    Recurrent,
    Seed,
    SequenceColumn,
    Style,
    Target,
    Width,
    training_bar,
)
from bptt.cli.output import check_charts, check_page
from bptt.cli.panels import OUTPUT, TRAINING
from bptt.cli.prognosis import prognosis
from bptt.cli.remedies import remedies
from bptt.cli.train import train as train_command

if TYPE_CHECKING:
    from bptt.data import Data as AnyData

BATCH = 32  # of the brief training
CHUNK = 64  # steps of the brief training on text, which is truncated there


def diagnose(
    model: ModelFile = None,
    data: Data = None,
    inputs: Inputs = None,
    target: Target = None,
    sequence: SequenceColumn = None,
    batch_first: BatchFirst = None,
    needed_lag: NeededLag = None,
    truncation: Annotated[
        int | None,
        typer.Option(
            help="Truncation length K to mark in the charts. The default is 64 after training on text, and none otherwise."
        ),
    ] = None,
    max_lag: Annotated[
        int | None, typer.Option(help="Largest lag to compute. The default is all lags.")
    ] = None,
    length: MeasuredLength = None,
    batch: Annotated[
        int | None,
        typer.Option(
            help="Number of measured sequences. The default is 16, or fewer if they are long."
        ),
    ] = None,
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 128,
    bidirectional: Bidirectional = False,
    activation: ModelActivation = None,
    recurrent: Recurrent = None,
    readout: Readout = None,
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    updates: Annotated[
        int | None,
        typer.Option(
            help="Weight updates to train a new network. The default depends on the size of the data.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    report: Page = Path("report.html"),
    no_report: NoReport = False,
    all: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Print every layer in full. Without it, only the layer that decides the verdict is, and every other "
            "layer has a row.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    figure: Annotated[
        list[Path] | None,
        typer.Option(
            help="Chart to write for print; the name of the file chooses it: by_lag.pdf, gains.svg, truncation.png. May be repeated."
        ),
    ] = None,
    width: Width = None,
    style: Style = None,
    json: Json = False,
) -> None:
    """Show how far back in time the gradient reaches, why no further, and what to change.

    Trains a recurrent network for a few seconds and measures it before and after, on data that it has not seen.
    With --model it measures a saved network instead.

    Examples:
      bptt diagnose
      bptt diagnose --cell lstm --data vowels
      bptt diagnose --data adding --length 50
      bptt diagnose --model model.safetensors
      bptt diagnose --model weights.pt --data batch.npz
    """
    from dataclasses import replace

    from rich.console import Console

    from bptt.cli.advice_words import commands
    from bptt.data import Series, Task, Text
    from bptt.diagnosis import Diagnosis, diagnose_network
    from bptt.errors import NonFiniteError
    from bptt.network import Network
    from bptt.presentation.formatting import percent, stated
    from bptt.presentation.progress import late_bar
    from bptt.report import Report
    from bptt.report.terminal import render, show
    from bptt.training import source_of, train, usual_updates

    check_page(report, no_report)
    check_charts(figure or [], width, style)
    refuse(("all",), json, "with --json, which holds every layer")
    opened = open_model(
        model, data, length, reading=(inputs, target, sequence, batch_first),
        activation=activation, recurrent=recurrent, readout=readout,
        cell=cell, layers=layers, hidden=hidden, bidirectional=bidirectional, init=init, gain=gain, seed=seed,
        unused=("seed", "updates"),
    )  # fmt: skip
    refuse_length(opened)
    network, loaded = opened.network, opened.data
    refuse(("all",), len(network.stack.names) == 1, "for a single layer, which is shown in full")
    source = source_of(loaded, batch=BATCH)
    if truncation is None and isinstance(loaded, Text) and model is None:
        truncation = CHUNK
    arguments = opened.batch(batch)
    needed, why, facts = needed_lag, None, opened.data_facts
    found = loaded.assumed if isinstance(loaded, Series) else ()
    if isinstance(loaded, Task) and needed_lag is None:
        needed, why = loaded.needed_lag, loaded.why_needed

    def measure(net: Network) -> Diagnosis:
        given = {"max_lag": max_lag, "truncation": truncation}
        with late_bar("measuring") as update:
            diagnosis = diagnose_network(net, arguments, needed, **given, update=update)
        first = diagnosis.assumed[0] if why is None else why
        return replace(diagnosis, assumed=(first, *diagnosis.assumed[1:], *found))

    now, before = measure(network), None
    if not opened.from_pytorch and isinstance(loaded, Series) and not loaded.apart:
        facts.append(
            (
                "held out",
                "nothing, because there are fewer than five sequences: training and measurement use the same ones",
            )
        )
    digits = ".4g" if isinstance(loaded, Task) else ".2f"  # 0.0167 is solved, 0.02 is not
    if model is None:
        updates = usual_updates(loaded, BATCH) if updates is None else updates
        try:
            untrained = source.score(network)
            with training_bar("training") as progress:
                result = train(network, loaded, updates=updates, batch=BATCH, progress=progress)
        except NonFiniteError as error:  # what was measured before is an answer too
            facts.append(("training", f"stopped: {error}"))
        else:
            before, now = now, measure(result.network)
            facts += [
                ("training", f"{updates} updates with Adam"),
                ("clipping", f"active in {percent(result.clipped)} of updates"),
                (f"held-out {result.measure} before training", f"{untrained:{digits}}"),
                ("after training", f"{result.score:{digits}}"),
            ]
    else:
        part = "" if opened.from_pytorch else "held-out "
        facts += [*opened.facts, (f"{part}{source.measure}", f"{source.score(network):{digits}}")]
    measured = Report(now, before, title=repr(network.body), facts=tuple(facts))
    if not no_report:
        measured.save(report)
    for path in figure or []:
        measured.charts.save(path.stem, path, width=width or "one", style=style)
    if json:
        print(measured.to_json())
        return
    console = Console()
    command = "" if model is None else None if opened.from_pytorch else next_command(train_command)
    tried = next_command(remedies, without=_only_here(loaded))
    parts = render(
        measured.stages(), lambda advice: commands(advice, command, tried),
        in_full=None if all else "the same command with --all",
    )  # fmt: skip
    show(console, parts)
    console.print(f"\n{stated(facts)}", markup=False)
    ahead = _look_ahead(loaded)
    if ahead is not None:
        console.print(f"Will it learn? Find out with: {ahead}", markup=False, soft_wrap=True)
    if not no_report:
        console.print(f"The report with pictures: {report}", markup=False, soft_wrap=True)


def _look_ahead(data: "AnyData") -> str | None:
    """The command that says whether the same network learns; None where nothing can be learnt or held out."""
    from bptt.data import Task
    from bptt.prognoses import enough_to_hold_out

    if not enough_to_hold_out(data) or (isinstance(data, Task) and not data.learnable):
        return None
    return next_command(prognosis, without=_only_here(data))


def _only_here(data: "AnyData") -> tuple[str, ...]:
    """Options that say what is measured here, and would say there what is trained on."""
    from bptt.data import Text

    return ("batch", "length") if isinstance(data, Text) else ("batch",)
