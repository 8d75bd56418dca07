"""``bptt train``: a recurrent network learns a text, labelled sequences, or a task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bptt.cli.context import refuse
from bptt.cli.models import FRESH, refuse_activation, refuse_length, say_what_was_read
from bptt.cli.next_command import data_words
from bptt.cli.options import (
    Activation,
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
    Omega,
    Overwrite,
    Seed,
    SequenceColumn,
    Target,
    training_bar,
)
from bptt.cli.output import check_new
from bptt.cli.panels import MODEL, OUTPUT, TRAINING
from bptt.cli.training_words import curriculum_of, optimiser_of, schedule_of, until_of

if TYPE_CHECKING:
    from bptt.data import Reading
    from bptt.models import Model
    from bptt.training import Result

UNIT = {"cross_entropy": "nats", "mse": "squared"}
EARLY = {
    "patience": "no new best among the last --patience scores; the best is kept",
    "until": "--until is reached",
}
CHUNK = 64  # steps of text between two updates
BETWEEN_SCORES = 100  # updates, where --patience or --until need scores and nothing else is said


def train(
    data: Data = None,
    inputs: Inputs = None,
    target: Target = None,
    sequence: SequenceColumn = None,
    batch_first: BatchFirst = None,
    out: Annotated[
        Path, typer.Option(help="File for the network and its checkpoints.", rich_help_panel=OUTPUT)
    ] = Path("model.safetensors"),
    init_from: Annotated[
        Path | None,
        typer.Option(
            help="Saved network to start from, for example what bptt remedies --apply wrote.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 128,
    bidirectional: Bidirectional = False,
    activation: Activation = None,
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    data_seed: Annotated[
        int, typer.Option(help="Seed of the order of sequences and of a curriculum's lengths.")
    ] = 0,
    updates: Annotated[
        int | None,
        typer.Option(
            help="Largest number of weight updates. The default is 2000 for text; for other data it "
            "depends on their size.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Length of a task (100), or time steps of text from one weight update to the next, the k1 "
            "of BPTT(k1, k2) (64)."
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="How many time steps of text the gradient reaches back, the k2 of BPTT(k1, k2). The "
            "default is --length."
        ),
    ] = None,
    curriculum: Annotated[
        str | None,
        typer.Option(
            help="Length of a task in training: drawn:50:200 draws it anew for every update, "
            "growing:20:200:1000 goes from 20 to 200 over 1000 updates. The score is taken at --length."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Batch size.")] = 32,
    optimizer: Annotated[str, typer.Option(help="The optimiser: adam, rmsprop or sgd.")] = "adam",
    lr: Annotated[
        float | None,
        typer.Option(
            help="Learning rate. The default is 0.002 for adam, 0.001 for rmsprop and 0.5 for sgd.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    momentum: Annotated[float, typer.Option(help="Momentum of sgd.")] = 0.9,
    schedule: Annotated[
        str,
        typer.Option(
            help="Schedule of the learning rate: constant, step:1000:0.5 (halved every 1000 updates), "
            "exponential:0.999 or cosine:2000 (0 at update 2000), each optionally preceded by warmup:100+."
        ),
    ] = "constant",
    clip: Annotated[float, typer.Option(help="Largest norm of the gradient; 0 never clips.")] = 1.0,
    omega: Omega = 0.0,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            help="Weight updates between two scores on held-out data. The default is 100 with --patience or "
            "--until; without them there is only the score at the end."
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Number of scores without a new best after which to stop and keep the best."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            help="Score at which to stop, or the word solved for the score at which the task counts as solved.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    checkpoint_every: Annotated[
        int, typer.Option(help="Weight updates between checkpoints.")
    ] = 500,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the run in --out, bit for bit as if it had not stopped.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Train a recurrent network: on text by truncated backpropagation through time.

    Prints the score on held-out data and saves the network. Measure it with bptt diagnose --model.

    Examples:
      bptt train --cell lstm --hidden 256 --updates 10000 --out big.safetensors
      bptt train --length 16 --window 64
      bptt train --data adding --length 100 --updates 5000 --until solved
    """
    from bptt import models, training
    from bptt.arrays import as_whole
    from bptt.data import Reading, Text

    refuse(
        (*FRESH, "activation", "seed", "init_from", "overwrite"),
        resume,
        "with --resume, which goes on with the network in --out",
    )
    refuse(
        (*FRESH, "activation", "seed"),
        init_from is not None,
        "with --init-from, which holds a network",
    )
    refuse(("momentum",), optimizer in ("adam", "rmsprop"), f"for {optimizer}, only for sgd")
    check_new(
        out,
        replaced=resume or overwrite,
        cure="Go on with it (--resume), replace it (--overwrite), or pass the name of another file (--out).",
    )
    optimiser, planned = optimiser_of(optimizer, lr, momentum), schedule_of(schedule)
    lengths, stop_at = curriculum_of(curriculum), until_of(until)
    reading = Reading.of(inputs, target, sequence, batch_first)
    if resume or init_from is not None:
        opened = _saved(out if resume else init_from, data, length, reading)
    else:
        refuse_activation(cell)
        opened = models.fresh(
            data or "text", length, reading, cell=cell, layers=layers, hidden=hidden, bidirectional=bidirectional,
            activation=activation or "tanh", init=init, gain=gain, seed=seed,
        )  # fmt: skip
    say_what_was_read(opened.data)
    refuse_length(opened)
    as_whole("data_seed", data_seed, least=0)  # the library calls it seed, as it calls --seed
    on_text = isinstance(opened.data, Text)
    refuse(("data_seed",), on_text, "for a text, which is read in its own order")
    updates = training.usual_updates(opened.data, batch) if updates is None else updates
    if evaluate_every is None and (patience is not None or until is not None):
        evaluate_every = BETWEEN_SCORES
    with training_bar("training") as progress:
        result = training.train(
            opened.network, opened.data, updates=updates, length=CHUNK if length is None else length, window=window, batch=batch,
            optimiser=optimiser, schedule=planned, clip=clip or None, omega=omega,
            curriculum=lengths, seed=data_seed, evaluate_every=evaluate_every, patience=patience,
            until=stop_at, checkpoint=out, checkpoint_every=checkpoint_every, resume=resume,
            progress=progress,
        )  # fmt: skip
    if json:
        _print_json(result, opened, out)
    else:
        _print(result, opened, out)


def _saved(path: Path | None, data: str | None, length: int | None, reading: "Reading") -> "Model":
    """A network that bptt saved, not PyTorch's weights: nobody knows how those were trained.

    Raises:
        FileError: if it is something else.
        OptionError: if it does not fit the data.
    """
    from bptt import models
    from bptt.network import Network

    assert path is not None
    Network.load(path)  # refuses whatever else could be measured
    return models.load(path, data, length, reading)


def _print(result: "Result", opened: "Model", out: Path) -> None:
    from bptt.data import Task
    from bptt.presentation.formatting import percent

    data = opened.data
    print(f"held out: {result.measure} {result.score:.4g}")
    if isinstance(data, Task) and data.learnable:
        solved = "solved" if data.reached(result.score) else "not solved"
        print(
            f"{solved}: {data.name} of {data.length} counts as solved at {data.solved:.3g}; "
            f"the best loss without memory is {data.baseline:.3g} {UNIT[data.loss]}"
        )
    if result.stopped != "updates":
        print(f"stopped after {result.updates} updates: {EARLY[result.stopped]}")
    print(f"clipping active in {percent(result.clipped)} of {result.updates} updates")
    again = f" --length {data.length}" if isinstance(data, Task) else ""
    print(f"saved: {out}    next: bptt diagnose --model {out} {data_words(opened)}{again}")


def _print_json(result: "Result", opened: "Model", out: Path) -> None:
    from json import dumps

    from bptt.data import Task

    data = opened.data
    document = {
        "out": str(out),
        "updates": result.updates,
        "stopped": result.stopped,
        "held_out": {result.measure: result.score},
        "evaluations": result.evaluations,
        "clipped": result.clipped,
        "history": result.history,
    }
    if isinstance(data, Task) and data.learnable:
        document |= {
            "baseline": data.baseline,
            "solved_at": data.solved,
            "solved": data.reached(result.score),
        }
    print(dumps(document, indent=1))
