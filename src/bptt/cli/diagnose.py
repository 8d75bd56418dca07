"""``bptt diagnose``: the main job."""

from pathlib import Path
from typing import Annotated

import typer

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
    fresh_network,
    measured_batch,
    network_from_torch,
    training_bar,
    usual_steps,
)

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
        typer.Option(help="How far back the task needs the gradient to reach; half the sequence."),
    ] = None,
    truncation: Annotated[
        int | None,
        typer.Option(help="The K you truncate at, to be marked; on text that of the training, 64."),
    ] = None,
    max_lag: Annotated[
        int | None, typer.Option(help="Largest lag to compute; all of them.")
    ] = None,
    length: Annotated[int, typer.Option(help="Steps per measured sequence of text.")] = 128,
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
    steps: Annotated[
        int | None, typer.Option(help="Training steps, without --model; by the data's size.")
    ] = None,
    report: Annotated[Path, typer.Option(help="The page to write (.html).")] = Path("report.html"),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no page.")] = False,
    json: Json = False,
) -> None:
    """Show how far back in time the gradient reaches, why no further, and what to change.

    Trains a recurrent network for some seconds and measures it before and after, on data it has not seen;
    or measures a saved one.

    Examples: bptt diagnose, bptt diagnose --cell lstm --data vowels,
    bptt diagnose --init orthogonal --needed-lag 50, bptt diagnose --model model.safetensors,
    bptt diagnose --model weights.pt --data batch.npz
    """
    from rich.console import Console

    from bptt import files
    from bptt.data import Series, Text, load
    from bptt.diagnosis import diagnose_network
    from bptt.errors import NonFiniteError, OptionError
    from bptt.network import Network
    from bptt.report import Report
    from bptt.training import train
    from bptt.training.sources import SeriesSource, Source, TextSource

    if not no_report:
        if report.suffix != ".html":
            raise OptionError("--report", "a name ending in .html", str(report), "Rename it.")
        files.check_writable(report)
    loaded: Text | Series
    own = True  # made here or by bptt train; else PyTorch's weights
    if model is None:
        loaded = load(data)
        network = fresh_network(
            loaded, hidden, init, seed, cell=cell, layers=layers, bidirectional=bidirectional,
            activation="tanh" if activation is None else activation, gain=gain,
        )  # fmt: skip
    else:
        tensors, notes = files.read_weights(model)
        own = "levels" in notes or "W_O" in tensors
        if not own:
            network, loaded, about = network_from_torch(
                model, tensors, data, activation, recurrent, readout
            )
        else:
            network, notes = Network.of_tensors(model, tensors, notes)
            loaded, about = load(data, notes.get("characters")), [("model", model.name)]
    if own and (recurrent is not None or readout is not None):
        raise OptionError(
            "--recurrent and --readout", "the weights of a PyTorch model", "none",
            "Leave them out.",
        )  # fmt: skip
    on_text = isinstance(loaded, Text)
    source: Source = (
        TextSource(loaded, 64, BATCH) if isinstance(loaded, Text) else SeriesSource(loaded, BATCH)
    )
    source.check(network)
    if truncation is None and on_text and model is None:
        truncation = 64
    arguments = measured_batch(loaded, length, batch, network.stack.dtype)

    def measure(net: Network):  # type: ignore[no-untyped-def]
        return diagnose_network(net, arguments, needed_lag, max_lag=max_lag, truncation=truncation)

    now, before = measure(network), None
    facts = [("Data", loaded.name)]
    if own and isinstance(loaded, Series) and not loaded.apart:
        facts.append(
            ("held out", "nothing, there are fewer than five sequences: measured on the same")
        )
    if model is None:
        steps = usual_steps(loaded, BATCH) if steps is None else steps
        try:
            untrained = source.score(network)
            with training_bar("training") as progress:
                result = train(network, loaded, steps=steps, batch=BATCH, progress=progress)
        except NonFiniteError as error:  # what was measured before is an answer too
            facts.append(("training", f"stopped, {error}"))
        else:
            before, now = now, measure(result.network)
            facts += [
                ("training", f"{steps} steps of Adam"),
                ("clipping bound", f"{result.clipped:.1%} of steps"),
                (f"held-out {result.measure} before", f"{untrained:.2f}"),
                ("after", f"{result.score:.2f}"),
            ]
    else:
        part = "held-out " if own else ""
        facts += [*about, (f"{part}{source.measure}", f"{source.score(network):.2f}")]
    made = Report(now, before, title=repr(network.body), facts=tuple(facts))
    if not no_report:
        made.save(report)
    if json:
        print(made.to_json())
        return
    console = Console()
    console.print(made)
    console.print("\n" + ". ".join(f"{name}: {value}" for name, value in facts) + ".", markup=False)
    if not no_report:
        console.print(f"The page with the pictures: {report}", markup=False, soft_wrap=True)
