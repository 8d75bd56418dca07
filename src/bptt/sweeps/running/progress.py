"""How a sweep gets on: points done, how fast, time left, failures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a sweep stands.

    Attributes:
        done: points that are in the file, those of earlier runs among them.
        points: in all.
        computed: points of this run.
        failed: of the points that are done.
    """

    done: int
    points: int
    computed: int
    failed: int


Show = Callable[[Progress], None]


@contextmanager
def bar() -> Iterator[Show]:
    """A bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[failed]}"),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("sweep", total=None, speed="", failed="")

        def update(progress: Progress) -> None:
            speed = shown.tasks[task].speed
            shown.update(
                task, total=progress.points, completed=progress.done,
                speed=f"{speed:.1f}/s" if speed else "",
                failed=f"{progress.failed} failed" if progress.failed else "",
            )  # fmt: skip

        yield update
