"""Options that several commands share, and how progress is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bptt.training import Progress

Data = Annotated[
    str,
    typer.Option(
        help='"text" is the documentation that comes with Python; or the path of a UTF-8 text file.'
    ),
]
Hidden = Annotated[int, typer.Option(help="Units of the network.")]
ActivationName = Annotated[
    str,
    typer.Option(
        help="tanh, relu, leaky_relu, logistic, softsign, hard_tanh, identity or scaled_tanh."
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
                state=f"{progress.bits:.2f} bits, clipped {progress.clipped / progress.done:.0%}",
            )

        yield update
