"""``bptt train``: a recurrent network learns a text, labelled sequences, or a task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    training_bar,
    usual_updates,
)
from bptt.cli.training_words import curriculum_of, optimiser_of, schedule_of, until_of

if TYPE_CHECKING:
    from bptt.data import Series, Text
    from bptt.data.tasks import Task
    from bptt.network import Network
    from bptt.training import Result

UNIT = {"cross_entropy": "nats", "mse": "squared"}
EARLY = {
    "patience": "no new best among the last --patience scores; the best is kept",
    "until": "--until is reached",
}
BETWEEN_SCORES = 100  # updates, where --patience or --until need scores and nothing else is said


def train(
    data: Data = "text",
    out: Annotated[Path, typer.Option(help="File for the network and its checkpoints.")] = Path(
        "model.safetensors"
    ),
    init_from: Annotated[
        Path | None,
        typer.Option(
            help="Start from the weights of this saved network, what bptt remedies --apply wrote, for "
            "example. They replace --cell, --layers, --hidden, --activation, --init, --gain and --seed."
        ),
    ] = None,
    cell: Cell = "rnn",
    layers: Layers = 1,
    hidden: Hidden = 128,
    bidirectional: Bidirectional = False,
    activation: ActivationName = "tanh",
    init: Init = "pytorch",
    gain: Gain = 1.0,
    seed: Seed = 0,
    data_seed: Annotated[
        int, typer.Option(help="Seed of the order of sequences and of a curriculum's lengths.")
    ] = 0,
    updates: Annotated[
        int | None,
        typer.Option(help="Weight updates at most; 2000 on text, else by the data's size."),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Of a task: its length. Of a text: time steps from one weight update to the next, "
            "the k1 of BPTT(k1, k2); 64."
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Of a text: how far back the gradient reaches, the k2 of BPTT(k1, k2); --length."
        ),
    ] = None,
    curriculum: Annotated[
        str | None,
        typer.Option(
            help="Of a task, the length in training: drawn:50:200, anew for every update, or "
            "growing:20:200:1000, from 20 to 200 over 1000 updates. Scored at --length."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Batch size.")] = 32,
    optimizer: Annotated[str, typer.Option(help="adam, rmsprop or sgd.")] = "adam",
    lr: Annotated[
        float | None, typer.Option(help="Learning rate; adam 0.002, rmsprop 0.001, sgd 0.5.")
    ] = None,
    momentum: Annotated[float, typer.Option(help="Of sgd.")] = 0.9,
    schedule: Annotated[
        str,
        typer.Option(
            help="Of the learning rate: constant, step:1000:0.5 (halved every 1000 updates), "
            "exponential:0.999, cosine:2000 (to 0 at update 2000), or with warmup:100+ in front."
        ),
    ] = "constant",
    clip: Annotated[float, typer.Option(help="Largest gradient norm; 0 never clips.")] = 1.0,
    omega: Annotated[
        float, typer.Option(help="Weight of Pascanu's regulariser, for plain RNNs; 0 is none.")
    ] = 0.0,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            help="Updates between scores on held-out data; 100 with --patience or --until."
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many scores without a new best, and keep the best."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Stop at this score; solved is a task's own.")
    ] = None,
    checkpoint_every: Annotated[int, typer.Option(help="Updates between checkpoints.")] = 500,
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

    Examples: bptt train --cell lstm --hidden 256 --updates 10000 --out big.safetensors,
    bptt train --length 16 --window 64,
    bptt train --data adding --length 100 --updates 5000 --until solved
    """
    from bptt import files, training
    from bptt.errors import FileError

    if files.exists(out) and not (resume or overwrite):
        raise FileError(
            str(out), "a new file", "one that exists",
            "Go on with it (--resume), replace it (--overwrite) or choose another --out.",
        )  # fmt: skip
    files.check_writable(out)
    optimiser, planned = optimiser_of(optimizer, lr, momentum), schedule_of(schedule)
    lengths, stop_at = curriculum_of(curriculum), until_of(until)
    loaded, network = _begin(data, length, init_from, hidden, init, seed, dict(
        cell=cell, layers=layers, bidirectional=bidirectional, activation=activation, gain=gain,
    ))  # fmt: skip
    updates = usual_updates(loaded, batch) if updates is None else updates
    if evaluate_every is None and (patience is not None or until is not None):
        evaluate_every = BETWEEN_SCORES
    with training_bar("training") as progress:
        result = training.train(
            network, loaded, updates=updates, length=length or 64, window=window, batch=batch,
            optimiser=optimiser, schedule=planned, clip=clip or None, omega=omega,
            curriculum=lengths, seed=data_seed, evaluate_every=evaluate_every, patience=patience,
            until=stop_at, checkpoint=out, checkpoint_every=checkpoint_every, resume=resume,
            progress=progress,
        )  # fmt: skip
    if json:
        _print_json(result, loaded, out)
    else:
        _print(result, loaded, out, data, length)


def _begin(
    data: str,
    length: int | None,
    init_from: Path | None,
    hidden: int,
    init: str,
    seed: int,
    options: dict[str, Any],
) -> "tuple[Text | Series | Task, Network]":
    from bptt.configuration import fresh_network
    from bptt.data import load
    from bptt.network import Network

    if init_from is None:
        loaded = load(data, length)
        return loaded, fresh_network(loaded, hidden, init, seed, **options)
    network, notes = Network.load(init_from)
    return load(data, length, notes.get("characters")), network


def _print(
    result: "Result", data: "Text | Series | Task", out: Path, name: str, length: int | None
) -> None:
    from bptt.data.tasks import Task
    from bptt.presentation.formatting import percent

    print(f"held out: {result.measure} {result.score:.4g}")
    if isinstance(data, Task):
        solved = "solved" if data.reached(result.score) else "not solved"
        print(
            f"{solved}: {data.name} of {data.length} counts as solved at {data.solved:.3g}; ",
            end="",
        )
        print(f"the best loss without memory is {data.baseline:.3g} {UNIT[data.loss]}")
    if result.stopped != "updates":
        print(f"stopped after {result.updates} updates: {EARLY[result.stopped]}")
    print(f"clipping active in {percent(result.clipped)} of {result.updates} updates")
    again = f" --length {data.length}" if isinstance(data, Task) else ""
    print(f"saved: {out}    next: bptt diagnose --model {out} --data {name}{again}")


def _print_json(result: "Result", data: "Text | Series | Task", out: Path) -> None:
    from json import dumps

    from bptt.data.tasks import Task

    document = {
        "out": str(out),
        "updates": result.updates,
        "stopped": result.stopped,
        "held_out": {result.measure: result.score},
        "evaluations": result.evaluations,
        "clipped": result.clipped,
        "history": result.history,
    }
    if isinstance(data, Task):
        document |= {
            "baseline": data.baseline,
            "solved_at": data.solved,
            "solved": data.reached(result.score),
        }
    print(dumps(document, indent=1))
