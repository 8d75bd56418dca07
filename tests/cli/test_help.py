"""What --help prints: every word of its sources, flags as flags, examples line by line."""

import re
import shlex

import pytest

pytest.importorskip("typer")

import typer
from typer.testing import CliRunner

from bptt.cli import app
from bptt.cli.panels import FURTHER, PANELS

MAIN = typer.main.get_command(app)
COMMANDS = tuple(MAIN.commands)
FIRST = 10  # options that a command's help shows before the further ones
BRACKETED = re.compile(r"\w*\[[^\]\n]*\]")


def sources(name):
    """The texts that the help of a command is made of, before Typer and Rich have seen them."""
    (info,) = (c for c in app.registered_commands if c.callback.__name__ == name)
    yield info.callback.__doc__
    for hint in info.callback.__annotations__.values():
        for option in getattr(hint, "__metadata__", ()):
            yield option.help


def printed(*words):
    environment = {"COLUMNS": "200", "TERM": "dumb"}
    done = CliRunner().invoke(app, [*words, "--help"], env=environment)
    assert done.exit_code == 0
    return done.stdout


def groups(name):
    """(group, its options) as they are printed."""
    found = []
    for line in printed(name).splitlines():
        if title := re.match("╭─ (.*?) ─+╮", line):
            found.append((title[1], []))
        elif found and (option := re.match(r"│ +(--[a-z-]+)", line)):
            found[-1][1].append(option[1])
    return [(title, options) for title, options in found if title != "Arguments"]


@pytest.mark.parametrize("name", COMMANDS)
def test_brackets_are_printed(name):
    flat = " ".join(printed(name).replace("│", " ").split())
    for text in sources(name):
        for word in BRACKETED.findall(text):
            assert word in flat


def test_some_help_has_brackets():
    assert "bptt[data]" in "".join(sources("diagnose"))


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids="-".join)
def test_flags_do_not_look_as_if_they_took_a_value(words):
    command = MAIN.commands[words[0]] if words else MAIN
    flags = {p.opts[0] for p in command.params if getattr(p, "is_flag", False)} | {"--help"}
    rows = [
        re.match(r"[│ ]+(--[a-z-]+)(,--[a-z-]+)*(.*)", line)
        for line in printed(*words).splitlines()
    ]
    after = {row[1]: row[3] for row in rows if row}
    assert flags <= set(after)
    for flag in flags:
        assert not re.match(r"\s*(<|\[|BOOL|bool)", after[flag]), after[flag]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_that_matter_come_first(name):
    """In groups that are the same, and in the same order, in every command."""
    titles = [title for title, _ in groups(name)]
    assert titles == [title for title in PANELS if title in titles]
    assert titles[-1] == FURTHER
    assert len(titles) > 1
    *first, (_, further) = groups(name)
    assert 0 < sum(len(options) for _, options in first) <= FIRST
    assert "--help" in further


def test_an_option_is_in_one_group_whatever_the_command():
    where = {}
    for name in COMMANDS:
        for title, options in groups(name):
            if title != FURTHER:
                for option in options:
                    assert where.setdefault(option, title) == title, (name, option)


@pytest.mark.parametrize("name", COMMANDS)
def test_two_examples_a_line_each(name):
    lines = [line.removeprefix(" ").rstrip() for line in printed(name).splitlines()]
    below = lines[lines.index("Examples:") + 1 :]
    examples = below[: below.index("")]
    assert len(examples) >= 2
    assert all(re.fullmatch(rf"  bptt {name}( .*)?", line) for line in examples)


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids="-".join)
def test_the_examples_can_be_read(words):
    """Each option exists and takes what stands behind it."""
    examples = re.findall(rf"^ +(bptt {' '.join(words)}.*)$", printed(*words), re.M)
    assert len(examples) >= 2
    for example in examples:
        _, command, *arguments = shlex.split(example, comments=True)
        MAIN.commands[command].make_context(command, arguments)


@pytest.mark.parametrize("word", ["", "abc", "nan", "-1", "0", "1e30", "3.7"])
def test_a_word_that_is_no_chart(word):
    done = CliRunner().invoke(app, ["diagnose", "--no-report", f"--figure={word}"])
    assert "expected a file named by its chart" in str(done.exception), done.output
