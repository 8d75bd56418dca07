"""``bptt diagnose``: the main job."""

from pathlib import Path
from typing import Annotated

import typer

from bptt.cli.options import ActivationName, Data, Gain, Hidden, Init, Json, Seed, training_bar


def diagnose(
    model: Annotated[
        Path | None,
        typer.Option(help="A network saved by bptt train. Without it, one is trained briefly."),
    ] = None,
    data: Data = "text",
    needed_lag: Annotated[
        int | None,
        typer.Option(help="How far back the task needs the gradient to reach; half of --length."),
    ] = None,
    length: Annotated[int, typer.Option(help="Steps per measured sequence.")] = 128,
    batch: Annotated[int, typer.Option(help="Measured sequences.")] = 16,
    hidden: Hidden = 128,
    activation: ActivationName = "tanh",
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    steps: Annotated[int, typer.Option(help="Training steps, without --model.")] = 2000,
    report: Annotated[Path, typer.Option(help="The page to write (.html).")] = Path("report.html"),
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no page.")] = False,
    json: Json = False,
) -> None:
    """Show how far back in time the gradient reaches, why no further, and what to change.

    Trains a plain recurrent network on text for some seconds and measures it before and after, on text
    it has not seen; or measures a saved one.

    Examples: bptt diagnose, bptt diagnose --init orthogonal --needed-lag 50,
    bptt diagnose --model model.safetensors
    """
    from rich.console import Console

    from bptt.data import Text
    from bptt.data.text import chunk, streams
    from bptt.diagnosis import diagnose_network
    from bptt.errors import OptionError
    from bptt.network import Network
    from bptt.report import Report
    from bptt.training import bits_per_character, train

    if not no_report and report.suffix != ".html":
        raise OptionError("--report", "a name ending in .html", str(report), "Rename it.")
    if model is None:
        text = Text.load(data)
        size = len(text.characters)
        network = Network.init(size, hidden, size, init, activation=activation, gain=gain, rng=seed)
    else:
        network, notes = Network.load(model)
        text = Text.load(data, notes.get("characters"))
    codes, targets, _ = chunk(streams(text.held_out, batch), length, 0)
    measured = (text.one_hot(codes, network.stack.dtype), targets)
    before = None if model else diagnose_network(network, measured, needed_lag)
    facts = [("Text", text.name)]
    if model is None:
        with training_bar("training") as progress:
            result = train(network, text, steps=steps, progress=progress)
        facts += [
            ("training", f"{steps} steps of Adam on chunks of 64 characters"),
            ("clipping bound", f"{result.clipped:.1%} of steps"),
            ("held-out bits per character before", f"{bits_per_character(network, text):.2f}"),
            ("after", f"{result.held_out_bits:.2f}"),
        ]
        network = result.network
    else:
        bits = bits_per_character(network, text)
        facts += [("model", model.name), ("held-out bits per character", f"{bits:.2f}")]
    layer = network.layer
    made = Report(
        diagnose_network(network, measured, needed_lag),
        before,
        title=f"{layer!r} on text",
        facts=tuple(facts),
    )
    if not no_report:
        made.save(report)
    if json:
        print(made.to_json())
        return
    console = Console()
    console.print(made)
    console.print("\n" + ". ".join(f"{name}: {value}" for name, value in facts) + ".")
    if not no_report:
        console.print(f"The page with the pictures: {report}", soft_wrap=True)
