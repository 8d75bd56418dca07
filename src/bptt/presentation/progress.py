"""Progress on standard error: a bar with the time left, or a line that says what is being done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol


class Update(Protocol):
    """Moves a bar; see ``bar``."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """``done`` of ``total``, and a note at the end of the line."""


@contextmanager
def bar(label: str, *, shown: bool = True, first: str = "") -> Iterator[Update]:
    """A bar: what is done, how fast, the time left.

    Args:
        label: what is being done, in front of the bar.
        shown: False draws nothing, for a caller that was asked to be silent. Without rich none is drawn either: a
            bar is no reason to fail.
        first: a line to print before, such as what it will cost.

    Yields:
        a function of (done, total, note), the note for the end of the line.
    """
    if not shown or find_spec("rich") is None:
        yield lambda done, total, note="": None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    console = Console(stderr=True)
    if first:
        console.print(first, markup=False, highlight=False)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, total=None, speed="", note="")

        def update(done: int, total: int, note: str = "") -> None:
            speed = per_second(progress.tasks[task].speed)
            progress.update(task, completed=done, total=total, speed=speed, note=note)

        yield update


def per_second(speed: float | None) -> str:
    """A speed as the bar shows it; nothing where it is unknown or below one in ten seconds.

    >>> per_second(0.52), per_second(143.7), per_second(None)
    ('0.5/s', '144/s', '')
    """
    if speed is None or speed < 0.1:
        return ""
    return f"{speed:.1f}/s" if speed < 10 else f"{speed:.0f}/s"


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """A line that says what is being done, for work whose length is not known.

    Yields:
        a function that replaces the words.
    """
    from rich.console import Console
    from rich.status import Status

    with Status("", console=Console(stderr=True)) as line:
        yield line.update
