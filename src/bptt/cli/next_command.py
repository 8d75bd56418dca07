"""The command that goes on from the one that runs: its options, as far as the other takes them too."""

import shlex
from collections.abc import Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

from bptt.cli.context import RUNNING, given

if TYPE_CHECKING:
    from bptt.models import Model

OFF = {"batch_first": "--time-first"}  # flags that say something where they are off
OWN = ("report", "no_report", "json", "out", "overwrite")  # what one command writes


def next_command(
    command: Callable[..., Any],
    *,
    without: tuple[str, ...] = (),
    more: Mapping[str, Any] | None = None,
) -> str:
    """The words that call another command on the same model and data.

    Args:
        command: the function behind it.
        without: parameters that mean something else there.
        more: parameters and their values, in the place of what was given.
    """
    more = more or {}
    context = RUNNING.get()
    taken = [name for name in signature(command).parameters if name not in (*OWN, *without)]
    words = ["bptt", command.__name__]
    for parameter in context.command.params:
        name = parameter.name
        if name not in taken or name in more or not given(name):
            continue
        value = context.params[name]
        words += _flag(name, value) if parameter.is_flag else [parameter.opts[0], _written(value)]
    for name, value in more.items():
        words += ["--" + name.replace("_", "-"), _written(value)]
    return shlex.join(words)


def data_words(opened: "Model") -> str:
    """The options that name the data of a model, for a command that takes the same."""
    words = ["--data", opened.source]
    for name, value in ({} if opened.reading is None else opened.reading.said).items():
        words += _flag(name, value) if isinstance(value, bool) else [f"--{name}", value]
    return shlex.join(words)


def _flag(name: str, value: bool) -> list[str]:
    """A flag as it is written, on or off.

    >>> _flag("batch_first", False), _flag("bidirectional", True)
    (['--time-first'], ['--bidirectional'])
    """
    return ["--" + name.replace("_", "-")] if value else [OFF[name]]


def _written(value: Any) -> str:
    """As a user writes it: 1 and not 1.0."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else str(value)
