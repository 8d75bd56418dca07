"""How far a sweep is: points done, speed, time left, failures."""

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
    from bptt.presentation import progress

    with progress.bar("sweep") as update:

        def show(now: Progress) -> None:
            update(now.done, now.points, note=f"{now.failed} failed" if now.failed else "")

        yield show
