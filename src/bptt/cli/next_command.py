"""The command that goes on from the one that runs: its options, as far as the other takes them too."""

import shlex
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from bptt.cli.context import RUNNING, given

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
        words.append(parameter.opts[0])
        if not parameter.is_flag:
            words.append(_written(context.params[name]))
    for name, value in more.items():
        words += ["--" + name.replace("_", "-"), _written(value)]
    return shlex.join(words)


def _written(value: Any) -> str:
    """As a user writes it: 1 and not 1.0."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else str(value)
