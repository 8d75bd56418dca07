"""``bptt verify``: prove that the numbers are right."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bptt.cli.options import (
    ActivationName,
    Bidirectional,
    Cell,
    Data,
    Gain,
    Hidden,
    Init,
    Json,
    Layers,
    Seed,
)

if TYPE_CHECKING:
    from bptt.verification import Verification


def verify(
    model: Annotated[
        Path | None,
        typer.Option(help="A network saved by bptt train. Without it, a fresh float64 one."),
    ] = None,
    data: Data = "text",
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 16,
    bidirectional: Bidirectional = False,
    activation: ActivationName = "tanh",
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    length: Annotated[int, typer.Option(help="Steps per sequence.")] = 20,
    batch: Annotated[int, typer.Option(help="Sequences.")] = 2,
    entries: Annotated[
        int, typer.Option(help="Entries of each parameter that the complex step tries.")
    ] = 200,
    json: Json = False,
) -> None:
    """Compute the gradient four ways and print how far they agree, parameter by parameter.

    Reverse mode (backpropagation through time), the lecture's recursion carried forward, textbook
    loops, and a complex step through an analytic forward pass. Exit code 1 if they do not agree.

    Examples: bptt verify --activation relu, bptt verify --cell lstm --layers 2, bptt verify --model model.safetensors
    """
    from bptt.configuration import fresh_network, measured_batch
    from bptt.data import load
    from bptt.network import Network
    from bptt.presentation.progress import status
    from bptt.verification import verify as run

    if model is None:
        text = load(data)
        network = fresh_network(
            text, hidden, init, seed, "float64", cell=cell, layers=layers,
            bidirectional=bidirectional, activation=activation, gain=gain,
        )  # fmt: skip
    else:
        network, notes = Network.load(model)
        text = load(data, characters=notes.get("characters"))
    arguments = measured_batch(text, length, batch, network.stack.dtype)
    lengths = arguments.pop("lengths", None)
    if lengths is not None:  # whole sequences are for training; here all are cut to one length
        length = min(length, int(lengths.min()))
        arguments["x"] = arguments["x"][:length]
        if network.loss_at == "every":
            arguments["targets"] = arguments["targets"][:length]
    with status() as show:
        result = run(network, **arguments, entries=entries, rng=seed, progress=show)
    if json:
        from json import dumps

        print(dumps(asdict(result) | {"agrees": result.agrees}, indent=1))
    else:
        print(f"{network!r}\non {text.name}, {batch} sequences of {length} steps")
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
