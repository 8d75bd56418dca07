"""A bar with the time left while remedies are tried."""

from typing import Any

from bptt.remedies import Subject, Tried, try_remedies


def tried_with_bar(
    subject: Subject, shown: bool, **options: Any
) -> tuple[list[Tried], list[tuple[str, str]]]:
    """``try_remedies``, with a bar on standard error if ``shown``."""
    if not shown:
        return try_remedies(subject, **options)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("left"), Left())
    described = TextColumn("{task.description}")
    with Progress(described, *columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("remedies", total=None)

        def update(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=f"{what:<26}")

        return try_remedies(subject, progress=update, **options)
