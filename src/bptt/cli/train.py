"""``bptt train``: a recurrent network learns a text, or labelled sequences."""

from pathlib import Path
from typing import Annotated

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
    fresh_network,
    training_bar,
    usual_steps,
)


def train(
    data: Data = "text",
    out: Annotated[Path, typer.Option(help="File for the network and its checkpoints.")] = Path(
        "model.safetensors"
    ),
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 128,
    bidirectional: Bidirectional = False,
    activation: ActivationName = "tanh",
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    steps: Annotated[
        int | None,
        typer.Option(help="Weight changes in all; 2000 on text, else by the data's size."),
    ] = None,
    length: Annotated[int, typer.Option(help="Steps in time per chunk of text.")] = 64,
    batch: Annotated[int, typer.Option(help="Streams or sequences side by side.")] = 32,
    optimizer: Annotated[str, typer.Option(help="adam or sgd.")] = "adam",
    lr: Annotated[float | None, typer.Option(help="Learning rate; adam 0.002, sgd 0.5.")] = None,
    momentum: Annotated[float, typer.Option(help="Of sgd.")] = 0.9,
    clip: Annotated[float, typer.Option(help="Largest gradient norm; 0 never clips.")] = 1.0,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 500,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out, bit for bit as if it had not stopped. Its weights "
            "replace --init, --gain and --seed.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out if it exists.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a recurrent network: on text by truncated backpropagation through time.

    Example: bptt train --cell lstm --hidden 256 --steps 10000 --out big.safetensors
    """
    from bptt import files, training
    from bptt.data import load
    from bptt.errors import FileError, OptionError

    if files.exists(out) and not (resume or overwrite):
        raise FileError(
            str(out), "a new file", "one that exists",
            "Go on with it (--resume), replace it (--overwrite) or choose another --out.",
        )  # fmt: skip
    files.check_writable(out)
    if optimizer not in ("adam", "sgd"):
        raise OptionError("--optimizer", "adam or sgd", repr(optimizer), "Choose one.")
    optimiser = (
        training.Adam(2e-3 if lr is None else lr)
        if optimizer == "adam"
        else training.SGD(0.5 if lr is None else lr, momentum)
    )
    loaded = load(data)
    network = fresh_network(
        loaded, hidden, init, seed, cell=cell, layers=layers, bidirectional=bidirectional,
        activation=activation, gain=gain,
    )  # fmt: skip
    steps = usual_steps(loaded, batch) if steps is None else steps
    with training_bar("training") as progress:
        result = training.train(
            network, loaded, steps=steps, length=length, batch=batch, optimiser=optimiser,
            clip=clip or None, checkpoint=out, checkpoint_every=checkpoint_every, resume=resume,
            progress=progress,
        )  # fmt: skip
    if json:
        from json import dumps

        document = {
            "out": str(out),
            "steps": steps,
            "held_out": {result.measure: result.score},
            "clipped": result.clipped,
            "history": result.history,
        }
        print(dumps(document, indent=1))
        return
    print(f"held out: {result.measure} {result.score:.3f}")
    print(f"clipping bound at {result.clipped:.1%} of {steps} steps")
    print(f"saved: {out}    next: bptt diagnose --model {out} --data {data}")
