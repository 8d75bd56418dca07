"""``bptt train``: a recurrent network learns to name the next character."""

from pathlib import Path
from typing import Annotated

import typer

from bptt.cli.options import ActivationName, Data, Gain, Hidden, Init, Json, Seed, training_bar


def train(
    data: Data = "text",
    out: Annotated[Path, typer.Option(help="File for the network and its checkpoints.")] = Path(
        "model.safetensors"
    ),
    hidden: Hidden = 128,
    activation: ActivationName = "tanh",
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    steps: Annotated[int, typer.Option(help="Weight changes in all.")] = 2000,
    length: Annotated[int, typer.Option(help="Steps in time per chunk.")] = 64,
    batch: Annotated[int, typer.Option(help="Streams of text side by side.")] = 32,
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
    """Train a plain recurrent network on text: truncated backpropagation through time.

    Example: bptt train --hidden 256 --steps 10000 --out big.safetensors
    """
    from bptt import training
    from bptt.data import Text
    from bptt.errors import FileError, OptionError
    from bptt.network import Network

    if out.exists() and not (resume or overwrite):
        raise FileError(
            str(out), "a new file", "one that exists",
            "Go on with it (--resume), replace it (--overwrite) or choose another --out.",
        )  # fmt: skip
    if optimizer not in ("adam", "sgd"):
        raise OptionError("--optimizer", "adam or sgd", repr(optimizer), "Choose one.")
    optimiser = (
        training.Adam(2e-3 if lr is None else lr)
        if optimizer == "adam"
        else training.SGD(0.5 if lr is None else lr, momentum)
    )
    text = Text.load(data)
    size = len(text.characters)
    network = Network.init(size, hidden, size, init, activation=activation, gain=gain, rng=seed)
    with training_bar("training") as progress:
        result = training.train(
            network, text, steps=steps, length=length, batch=batch, optimiser=optimiser,
            clip=clip or None, checkpoint=out, checkpoint_every=checkpoint_every, resume=resume,
            progress=progress,
        )  # fmt: skip
    if json:
        from json import dumps

        document = {
            "out": str(out),
            "steps": steps,
            "held_out_bits_per_character": result.held_out_bits,
            "clipped": result.clipped,
            "history": result.history,
        }
        print(dumps(document, indent=1))
        return
    print(f"held-out text: {result.held_out_bits:.3f} bits per character")
    print(f"clipping bound at {result.clipped:.1%} of {steps} steps")
    print(f"saved: {out}    next: bptt diagnose --model {out}")
