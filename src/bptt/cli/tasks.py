"""``bptt tasks``: the tasks with a known dependence, and what each asks for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bptt.cli.context import spoken
from bptt.cli.options import Json
from bptt.cli.panels import DATA

if TYPE_CHECKING:
    from bptt.data.tasks import Task

REMEMBERED = {
    "adding": "two marked numbers",
    "copy": "ten symbols in order",
    "order2": "two symbols in order",
    "order3": "three symbols in order",
    "permutation": "the first symbol",
    "memorisation": "five bits in order",
    "xor": "two marked bits",
    "digits": "the pixels of a digit",
    "events": "a short event in noise",
}


def tasks(
    length: Annotated[
        int | None,
        typer.Option(
            help="Length of the tasks. The default is 100, or 64 for the digits.",
            rich_help_panel=DATA,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the tasks whose answer lies a known lag back.

    Pass a name from this list to the option --data of the other commands.

    Examples:
      bptt tasks
      bptt tasks --length 200
    """
    from bptt.data.tasks import NAMES, load
    from bptt.errors import BpttError, OptionError

    listed: dict[str, Task] = {}
    refused: dict[str, BpttError] = {}
    for name in NAMES:
        try:
            listed[name] = load(name, length)
        except OptionError as error:  # too short for one, or its package is missing
            refused[name] = spoken(error, {"length": "--length"})
    if not listed:
        raise next(iter(refused.values()))
    if json:
        from json import dumps

        missing = [{"name": name, "error": str(why)} for name, why in refused.items()]
        print(dumps([_plain(task) for task in listed.values()] + missing, indent=1))
        return
    _show(listed.values())
    for name, why in refused.items():
        print(f"{name}: {why}")


def _plain(task: "Task") -> dict[str, Any]:
    fields = (
        "name", "length", "steps", "inputs", "outputs", "loss", "loss_at", "needed_lag",
        "longest_lag", "baseline", "measure", "solved", "source",
    )  # fmt: skip
    return {name: getattr(task, name) for name in fields} | {"remembered": REMEMBERED[task.name]}


def _show(tasks: "Iterable[Task]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, collapse_padding=True, show_edge=False)
    for column in ("task", "to be remembered", "inputs", "lag", "loss", "baseline", "solved"):
        number = column in ("inputs", "lag", "baseline")
        table.add_column(column, justify="right" if number else "left")
    for task in tasks:
        least, most = task.needed_lag, task.longest_lag
        at = task.loss_at if isinstance(task.loss_at, str) else f"last {len(task.loss_at)}"
        squares = task.loss == "mse"
        table.add_row(
            task.name, REMEMBERED[task.name], str(task.inputs),
            f"{least}" if least == most else f"{least}-{most}",
            f"{'mse' if squares else 'nats'}, {at}", f"{task.baseline:.4g}",
            f"{'≤' if squares else '≥'} {task.solved:.3g}",
        )  # fmt: skip
    Console().print(table)
