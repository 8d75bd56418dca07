"""Options that several commands share, and how progress is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bptt.data import Series, Text
    from bptt.network import Network
    from bptt.training import Progress

Data = Annotated[
    str,
    typer.Option(
        help='"text" (the documentation that comes with Python), "vowels" or "acsf1" (need '
        "bptt[data]), or a file: .npz or .csv of labelled sequences, else a UTF-8 text."
    ),
]
Cell = Annotated[str, typer.Option(help="rnn, lstm or gru.")]
Layers = Annotated[int, typer.Option(help="Layers on top of one another.")]
Bidirectional = Annotated[
    bool, typer.Option("--bidirectional", help="Run each layer both ways (not for text).")
]
Hidden = Annotated[int, typer.Option(help="Units of each layer.")]
ActivationName = Annotated[
    str,
    typer.Option(
        help="Of rnn: tanh, relu, leaky_relu, logistic, softsign, hard_tanh, identity or scaled_tanh."
    ),
]
Init = Annotated[
    str, typer.Option(help="Initial weights: pytorch, glorot, orthogonal, identity or gaussian.")
]
Gain = Annotated[float, typer.Option(help="Multiplies the initial W_R.")]
Seed = Annotated[int, typer.Option(help="Seed of the initial weights.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@contextmanager
def training_bar(label: str) -> Iterator[Callable[["Progress"], None]]:
    """A bar on standard error: steps, speed, time left, loss, how often clipping bound."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(label, total=None, speed="", state="")

        def update(progress: "Progress") -> None:
            speed = bar.tasks[task].speed
            bar.update(
                task,
                total=progress.steps,
                completed=progress.done,
                speed=f"{speed:.0f}/s" if speed else "",
                state=f"{progress.loss:.2f} {progress.unit}, clipped {progress.clipped / progress.done:.0%}",
            )

        yield update


def fresh_network(
    data: "Text | Series", hidden: int, init: str, seed: int, dtype: str = "float32", **options: Any
) -> "Network":
    """A network of the sizes and the loss that the data need."""
    from bptt.data import Text
    from bptt.network import Network

    if isinstance(data, Text):
        size = len(data.characters)
        return Network.init(size, hidden, size, init, rng=seed, dtype=dtype, **options)
    return Network.init(
        data.inputs, hidden, data.outputs, init, rng=seed, dtype=dtype,
        loss=data.loss, loss_at=data.loss_at, **options,
    )  # fmt: skip


def usual_steps(data: "Text | Series", batch: int) -> int:
    """About ten seconds of training, a minute at most."""
    from bptt.data import Text

    if isinstance(data, Text):
        return 2000
    T, B, _ = data.train.x.shape
    return int(max(20, min(500, 4_000_000 // (T * min(batch, B)))))


def measured_batch(
    data: "Text | Series", length: int, batch: int | None, dtype: Any
) -> dict[str, Any]:
    """The arguments of ``network.run`` on data it has not been trained on."""
    from bptt.data import Text
    from bptt.data.text import chunk, streams
    from bptt.errors import OptionError

    if isinstance(data, Text):
        codes, targets, _ = chunk(streams(data.held_out, 16 if batch is None else batch), length, 0)
        return {"x": data.one_hot(codes, dtype), "targets": targets}
    longest = int(data.held_out.lengths.max())
    sequences = len(data.held_out.lengths)
    batch = max(1, min(16, sequences, 4000 // longest)) if batch is None else batch
    if not 1 <= batch <= sequences:
        raise OptionError("batch", f"from 1 to {sequences} sequences", str(batch), "Take fewer.")
    return data.held_out.part(slice(0, batch)).arguments(dtype)
