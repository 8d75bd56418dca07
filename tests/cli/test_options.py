"""Every option of every command, given what nobody means: a right answer or one line that says what is wrong."""

import pytest
import typer

from bptt.cli import app
from tests.cli.command import bptt

WORDS = ("", "abc", "nan", "-1", "0", "1e30")
# So that a command which takes the word is soon done.
SMALL = {
    "diagnose": {
        "--no-report": None, "--data": "noise", "--hidden": "4", "--length": "12", "--batch": "2", "--updates": "2",
    },
    "prognosis": {"--no-report": None, "--data": "adding", "--hidden": "4", "--length": "12", "--budget": "30"},
    "remedies": {
        "--no-report": None, "--data": "adding", "--hidden": "4", "--length": "12", "--budget": "30", "--only": "orthogonal",
    },
    "train": {
        "--data": "adding", "--hidden": "4", "--updates": "2", "--out": "m.safetensors", "--length": "12", "--batch": "2",
    },
    "sweep": {"--gain": "1", "--hidden": "4", "--length": "12", "--engine": "threads"},
    "compare": {}, "tasks": {}, "derive": {}, "doctor": {}, "verify": {"--hidden": "3"},
}  # fmt: skip
COMMANDS = typer.main.get_command(app).commands
OPTIONS = [
    (name, parameter.opts[0])
    for name in SMALL
    for parameter in COMMANDS[name].params
    if not getattr(parameter, "is_flag", False) and parameter.name != "help"
]


def test_no_command_was_forgotten():
    assert set(SMALL) | {"lab"} == set(COMMANDS)


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_a_word_that_nobody_means_is_taken_or_refused_in_one_line(name, option, tmp_path):
    for number, word in enumerate(WORDS):
        if (option, word) == (
            "--data",
            "",
        ):  # as if it were not given: a text, on which the demonstration trains for long
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        given = [
            text
            for key, value in SMALL[name].items() if key != option
            for text in ([key] if value is None else [key, value])
        ]  # fmt: skip
        own = [f"{option}={word}"] if option.startswith("--") else [word]
        done = bptt(name, *given, *own, cwd=folder, code=(0, 2))
        if done.returncode == 2:
            *before, last = done.stderr.strip().splitlines()
            assert last.startswith("bptt: "), own
            # A training that broke off has drawn its bar.
            assert not before or last.startswith("bptt: update "), own
            assert not list(folder.iterdir()), own
