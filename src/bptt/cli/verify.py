"""``bptt verify``: prove that the numbers are right."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bptt.cli.models import open_model
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
    ModelActivation,
    ModelFile,
    Readout,
    Recurrent,
    SequenceColumn,
    Target,
)
from bptt.cli.panels import DATA

if TYPE_CHECKING:
    from bptt.verification import Verification

USUAL_LENGTH = 20  # the loops' cost grows with its square


def verify(
    model: ModelFile = None,
    data: Data = None,
    inputs: Inputs = None,
    target: Target = None,
    sequence: SequenceColumn = None,
    batch_first: BatchFirst = None,
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 16,
    bidirectional: Bidirectional = False,
    activation: ModelActivation = None,
    recurrent: Recurrent = None,
    readout: Readout = None,
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Annotated[
        int,
        typer.Option(
            help="Seed of the initial weights, and of the entries that the complex step tries."
        ),
    ] = 0,
    length: Annotated[
        int | None,
        typer.Option(
            help="Time steps of each sequence; longer sequences are cut. The default is 20.",
            rich_help_panel=DATA,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Number of sequences.")] = 2,
    entries: Annotated[
        int, typer.Option(help="Entries of each parameter that the complex step tries.")
    ] = 200,
    json: Json = False,
) -> None:
    """Compute the gradient in four ways and print how far they agree, parameter by parameter.

    The four are reverse mode (backpropagation through time), forward mode (the lecture's recursion), textbook
    loops, and a complex step through an analytic forward pass. The exit code is 1 if they do not agree. A new
    network computes in float64.

    Examples:
      bptt verify --cell lstm --layers 2
      bptt verify --data adding --activation relu
      bptt verify --model model.safetensors
    """
    from bptt.data.tasks import LEAST
    from bptt.presentation.progress import status
    from bptt.verification import cut
    from bptt.verification import verify as run

    longest = USUAL_LENGTH if length is None else length
    task_length = (
        max(longest, LEAST.get(data or "", 0)) if length is None and model is None else length
    )
    opened = open_model(
        model, data, task_length, reading=(inputs, target, sequence, batch_first),
        activation=activation, recurrent=recurrent, readout=readout,
        cell=cell, layers=layers, hidden=hidden, bidirectional=bidirectional, init=init, gain=gain,
        seed=seed, dtype="float64",
    )  # fmt: skip
    network = opened.network
    arguments = cut(opened.batch(batch, longest), longest, network.loss_at)
    with status() as update:
        result = run(network, **arguments, entries=entries, rng=seed, progress=update)
    if json:
        from json import dumps

        print(dumps(asdict(result) | {"agrees": result.agrees}, indent=1))
    else:
        steps = len(arguments["x"])
        plural = "s" * (batch != 1)
        print(f"{network!r}\non {opened.data.name}, {batch} sequence{plural} of {steps} steps")
        _table(result)
    if not result.agrees:
        raise typer.Exit(1)


def _table(result: "Verification") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title="Largest difference from reverse mode, over the gradient's largest entry",
        title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0),
    )  # fmt: skip
    table.add_column("")
    for heading in ("shape", "largest entry", "forward mode", "textbook loops", result.method):
        table.add_column(heading, justify="right")
    for row in result.rows:
        table.add_row(
            row.parameter,
            " × ".join(map(str, row.shape)),
            f"{row.size:.2e}",
            "" if row.forward is None else f"{row.forward:.0e}",
            "" if row.reference is None else f"{row.reference:.0e}",
            f"{row.numerical:.0e}",
        )
    console = Console()
    console.print(table)
    tried = max(row.entries for row in result.rows)
    print(f"{result.method}: up to {tried} entries of each parameter")
    print(f"outputs of the two forward passes: {result.outputs:.0e}")
    print(f"gradient by lag against the textbook loops, the worst lag: {result.by_lag:.0e}")
    print(f"sum over lags against dW_R: {result.residual:.0e}")
    verdict = "They agree" if result.agrees else "They do NOT agree"
    print(f"{verdict}, to {result.tolerance:.0e}.")
