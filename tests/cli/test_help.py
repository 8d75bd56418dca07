"""What --help prints: every word of its sources, flags as flags, examples line by line."""

import re

import pytest

pytest.importorskip("typer")

import typer
from typer.testing import CliRunner

from bptt.cli import app

COMMANDS = tuple(typer.main.get_command(app).commands)
BRACKETED = re.compile(r"\w*\[[^\]\n]*\]")


def sources(name):
    """The texts that the help of a command is made of, before Typer and Rich have seen them."""
    (info,) = (c for c in app.registered_commands if c.callback.__name__ == name)
    yield info.callback.__doc__
    for hint in info.callback.__annotations__.values():
        for option in getattr(hint, "__metadata__", ()):
            yield option.help


def printed(name):
    done = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_brackets_are_printed(name):
    flat = " ".join(printed(name).replace("│", " ").split())
    for text in sources(name):
        for word in BRACKETED.findall(text):
            assert word in flat


def test_some_help_has_brackets():
    assert "bptt[data]" in "".join(sources("diagnose"))


@pytest.mark.parametrize("name", COMMANDS)
def test_flags_do_not_look_as_if_they_took_a_value(name):
    command = typer.main.get_command(app).commands[name]
    flags = {p.opts[0] for p in command.params if getattr(p, "is_flag", False)} | {"--help"}
    rows = [line.split() for line in printed(name).splitlines() if "--" in line]
    for row in rows:
        option = next((word.split(",")[0] for word in row if word.startswith("--")), None)
        if option in flags and row[0] == "│":
            assert not any(word.startswith("<") or word == "BOOLEAN" for word in row), row
    assert all(any(flag in word for row in rows for word in row) for flag in flags)


@pytest.mark.parametrize("name", COMMANDS)
def test_two_examples_a_line_each(name):
    lines = [line.strip() for line in printed(name).splitlines()]
    below = lines[lines.index("Examples:") + 1 :]
    examples = below[: below.index("")]
    assert len(examples) >= 2
    assert all(re.fullmatch(rf"bptt {name}( .*)?", line) for line in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_the_examples_exist(name):
    options = {o for p in typer.main.get_command(app).commands[name].params for o in p.opts}
    for line in re.findall(rf"^\s+bptt {name}.*$", printed(name), re.M):
        assert set(re.findall(r"--[a-z-]+", line)) <= options
