"""The command that runs now: which options were given, and how an argument of the library is said there."""

import re
from contextvars import ContextVar
from typing import Any

from bptt.errors import BpttError, FileError, OptionError
from bptt.presentation.formatting import listed

# What the library calls otherwise than the command.
SYNONYMS = {"scheme": "init", "rng": "seed", "sequences": "batch", "optimiser": "optimizer"}

RUNNING: ContextVar[Any] = ContextVar("RUNNING", default=None)  # click's context


def given(name: str) -> bool:
    """Whether the user wrote this option on the command line."""
    context = RUNNING.get()
    source = None if context is None else context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse(names: tuple[str, ...], when: bool, because: str) -> None:
    """Refuse options that would have no effect.

    Args:
        names: of the options' parameters.
        when: whether they have no effect.
        because: why, to be read after "none": "with --model, which holds a trained network".

    Raises:
        OptionError: naming each that was given.
    """
    if not when:
        return
    ignored = [name for name in names if given(name)]
    if ignored:
        several = len(ignored) > 1
        values = [RUNNING.get().params[name] for name in ignored]
        raise OptionError(
            listed(ignored), f"none {because}",
            listed(["the option" if value is True else str(value) for value in values]),
            f"Leave {'them' if several else 'it'} out: {'they have' if several else 'it has'} no effect.",
        )  # fmt: skip


def spoken(error: BpttError, options: dict[str, str]) -> BpttError:
    """The error as a user of the command reads it: with options in the place of Python's arguments.

    Args:
        error: what the library raised.
        options: parameter to option, {"needed_lag": "--needed-lag"}.

    Returns:
        an error of the same class; the very one where nothing has an option. Files keep their names.

    >>> error = OptionError("hidden", "a whole number from 1", "0", "Pass hidden=1.")
    >>> str(spoken(error, {"hidden": "--hidden"}))
    '--hidden: expected a whole number from 1, got 0. Pass --hidden 1.'
    """
    names = options | {theirs: options[own] for theirs, own in SYNONYMS.items() if own in options}

    def as_option(match: re.Match[str]) -> str:
        return names.get(match[0], match[0])

    argument, cure = error.argument, error.cure
    if not isinstance(error, FileError) and re.fullmatch(r"\w+((, | and )\w+)*", argument):
        argument = re.sub(r"\w+", as_option, argument)
    for name, option in names.items():
        cure = re.sub(rf"\b{name}=['\"]?([\w.:+-]*\w)['\"]?", rf"{option} \1", cure)
        if "_" in name:  # no word of the language
            cure = re.sub(rf"\b{name}\b", option, cure)
    if (argument, cure) == (error.argument, error.cure):
        return error
    changed = error.__class__.__new__(error.__class__)
    BpttError.__init__(changed, argument, error.expected, error.got, cure)
    return changed
