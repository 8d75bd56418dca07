"""Tasks with a known dependence: how far back the answer lies is set by the task, not guessed."""

from collections.abc import Callable

from bptt.data.tasks.adding import adding
from bptt.data.tasks.copy import copy
from bptt.data.tasks.digits import PIXELS, digits
from bptt.data.tasks.events import events
from bptt.data.tasks.memorisation import memorisation
from bptt.data.tasks.order import order2, order3
from bptt.data.tasks.permutation import permutation
from bptt.data.tasks.task import Task
from bptt.data.tasks.xor import xor
from bptt.errors import OptionError

_TASKS: dict[str, Callable[..., Task]] = {
    "adding": adding,
    "copy": copy,
    "order2": order2,
    "order3": order3,
    "permutation": permutation,
    "memorisation": memorisation,
    "xor": xor,
    "digits": digits,
    "events": events,
}
NAMES = tuple(_TASKS)
LEAST = {"digits": PIXELS}  # T of a task that cannot be made in 20 steps

__all__ = [
    "LEAST",
    "NAMES",
    "Task",
    "adding",
    "copy",
    "digits",
    "events",
    "load",
    "memorisation",
    "order2",
    "order3",
    "permutation",
    "xor",
]


def load(name: str, length: int | None = None) -> Task:
    """A task by name.

    Args:
        name: one of ``NAMES``.
        length: its T; if not given 100, of the digits 64.

    Raises:
        OptionError: if there is no such task, it cannot be made in that length, or the package that ships its
            data is missing.

    >>> load("copy", 50).steps
    70
    """
    if not isinstance(name, str) or name not in _TASKS:
        raise OptionError("task", "one of " + ", ".join(NAMES), repr(name), "Pass one of them.")
    return _TASKS[name]() if length is None else _TASKS[name](length)
