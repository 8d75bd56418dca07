"""Every option of every command, given what it cannot be: one clear error in one line, exit code 1 or 2, no traceback.

What is wrong is refused before anything is measured or trained: where a value happens to be right, a second mistake behind
it ends the command.
"""

import signal

import pytest
import typer

from bptt.cli import app
from tests.cli.command import bptt

COMMANDS = typer.main.get_command(app).commands
SECONDS = 10  # of processor time that one command may take at most
WORDS = ["", "abc", "-1", "nan", "1" + 30 * "0", ".", "missing.npz"]
# What makes a command cheap, and what it is refused for in the end if nothing else is wrong.
LAST = {
    "diagnose": ["--readout", "x"], "prognosis": ["--readout", "x"], "remedies": ["--readout", "x"], "train": ["--activation", "none"],
    "sweep": ["--engine", "mars"], "verify": ["--init", "none"], "derive": ["no such thing"], "lab": ["--host", "192.0.2.1"],
    "tasks": ["no such thing"], "doctor": ["no such thing"],
}  # fmt: skip


def options_of(name):
    """The options that take a value."""
    return [
        parameter.opts[0]
        for parameter in COMMANDS[name].params
        if parameter.opts[0].startswith("--") and not getattr(parameter, "is_flag", False)
    ]


def refused(arguments, folder):
    """What is wrong with how a command ends; None where nothing is."""

    def too_long(*given):
        raise TimeoutError(f"no answer after {SECONDS} s")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        said = bptt(*arguments, cwd=folder, code=2).stderr
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    last = said.strip().splitlines()[-1] if said.strip() else ""
    return None if last.startswith("bptt: ") and len(last) < 900 else f"said {said!r}"


@pytest.mark.parametrize("name", COMMANDS)
def test_one_clear_error_for_every_option(name, tmp_path):
    wrong = {}
    for option in options_of(name):
        for word in WORDS:
            last = [] if option in LAST[name] else LAST[name]
            said = refused([name, f"{option}={word}", *last], tmp_path)
            if said is not None:
                wrong[option, word] = said
    assert not wrong
    assert not list(tmp_path.iterdir())  # nothing was written either


def test_it_is_about_every_option():
    assert sum(len(options_of(name)) for name in COMMANDS) > 100
