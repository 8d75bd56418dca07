"""Progress on standard error: a bar with the time left, or a line that says what is being done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from time import monotonic
from typing import Protocol

LONG = 2.0  # seconds after which work that is usually short shows how far it has come
BETWEEN = 10.0  # seconds between two lines where there is no terminal


class Update(Protocol):
    """Moves a bar; see ``bar``."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """``done`` of ``total``, and a note at the end of the line."""


@contextmanager
def late_bar(label: str, *, shown: bool = True) -> Iterator[Update]:
    """A bar that comes up only if the work has taken two seconds; plain lines where there is no terminal.

    Args:
        label: what is being done.
        shown: False draws nothing.

    Yields:
        a function of (done, total, note), as ``bar``.
    """
    start, first = monotonic(), None
    with ExitStack() as stack:
        show: Update | None = None

        def update(done: int, total: int, note: str = "") -> None:
            nonlocal show, first
            first = first or (monotonic(), done)  # what comes before tells nothing of the speed
            if not shown or (show is None and monotonic() - start < LONG):
                return
            if show is None:
                terminal = find_spec("rich") is not None and sys.stderr.isatty()
                show = stack.enter_context(bar(label)) if terminal else _lines(label, *first)
            show(done, total, note)

        yield update


def _lines(label: str, start: float, before: int) -> Update:
    """The same as a line now and then; ``before`` was done at the start."""
    said = -BETWEEN

    def update(done: int, total: int, note: str = "") -> None:
        nonlocal said
        now = monotonic() - start
        if now - said < BETWEEN or done <= before:
            return
        said = now
        left = now * (total - done) / (done - before)
        words = f"{label}: {done / total:.0%}, about {left:.0f} s left {note}"
        print(words.rstrip(), file=sys.stderr, flush=True)

    return update


@contextmanager
def bar(label: str, *, shown: bool = True, first: str = "") -> Iterator[Update]:
    """A bar: what is done, how fast, the time left. It comes up when something is done: what is refused before needs none.

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
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(ProgressColumn):
        """Worked out when it is drawn: it is a sum over the last thousand updates, and to train a small network is no longer."""

        def render(self, task: Task) -> Text:
            """The text."""
            return Text(per_second(task.speed))

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    console = Console(stderr=True)
    if first:
        console.print(first, markup=False, highlight=False)
    progress = Progress(*columns, console=console)
    task = progress.add_task(label, total=None, note="")

    def update(done: int, total: int, note: str = "") -> None:
        progress.start()
        progress.update(task, completed=done, total=total, note=note)

    try:
        yield update
    finally:
        if progress.live.is_started:
            progress.stop()


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
