"""Advice on the command line: the library says what to change, the command how."""

import ast
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import bptt
from bptt.cli import app
from bptt.cli.advice_words import commands as commands_of
from bptt.diagnosis import VERDICTS, Cause
from bptt.diagnosis.activity import activity_of
from bptt.diagnosis.advice import advice_on
from bptt.diagnosis.drive import drive_of
from bptt.diagnosis.evidence import Evidence
from bptt.dynamics import spectrum
from bptt.layers.kinds import KINDS
from bptt.remedies import CATALOGUE

CAUSES = {
    "vanishing": (
        "weights",
        "saturation",
        "inputs too large",
        "activation slope",
        "gates closed",
        "between the steps",
    ),
    "exploding": (
        "weights",
        "activation slope",
        "non-normal transient",
        "between the steps",
        "layers above",
    ),
    "steady": ("cancellation", "none"),
}


def everything():
    """All the advice there is."""
    for verdict, kind, way in product(VERDICTS, KINDS.values(), ("forward", "backward")):
        layer = kind.init(2, 4, rng=0)
        trace = layer.forward(np.ones((9, 2, 2), "f4"))
        profile = bptt.by_lag(trace, np.ones((9, 2, 4), "f4"))
        weights, activity = spectrum(layer.gate(layer.cell.candidate)), activity_of(trace)
        evidence = Evidence(
            name=f"rnn.0.{way}", profile=profile, needed=3, verdict=verdict, layer=layer,
            weights=weights, activity=activity, drive=drive_of(trace),
        )  # fmt: skip
        for name in (*CAUSES[verdict], *["loss out of reach"] * (verdict == "vanishing")):
            yield from advice_on(evidence, Cause(name, 1.0, ""))


def test_the_library_names_no_option():
    assert len({str(each) for each in everything()}) > 10
    for each in everything():
        assert "-" * 2 not in each.sentence
        assert "bptt " not in each.sentence


def test_every_option_that_is_named_exists_and_takes_the_value():
    commands = typer.main.get_command(app).commands
    seen = set()
    for each in everything():
        for way in commands_of(each, "bptt diagnose").split(" or ") if each.settings else []:
            _, name, *options = re.findall(r"--[\w-]+(?: [\w-]+)?|bptt|\w+", way)
            known = [option for p in commands[name].params for option in p.opts]
            for option in options:
                assert option.split()[0] in known, way
                seen.add(option)
    assert seen >= {"--init orthogonal", "--activation tanh", "--clip 1"}


def test_every_remedy_that_is_named_is_in_the_catalogue():
    names = {each.remedy for each in everything()}
    assert names - {None} <= CATALOGUE.keys()
    assert names >= {
        "chrono",
        "forget-bias",
        "update-bias",
        "orthogonal",
        "identity-relu",
        "gain",
        "gru",
        "lstm",
    }
    for each in everything():
        if each.remedy is not None:
            made = "model = report.remedied" if each.remedy in ("gru", "lstm") else "report.apply"
            assert each.code == f'{made}("{each.remedy}")'
            assert f"--remedy {each.remedy} --apply" in commands_of(each, None)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("", "--init orthogonal or "),
        ("bptt train", "bptt train --init orthogonal or "),
        (None, ""),
    ],
)
def test_the_command_that_makes_the_network_is_named(command, options):
    first = next(each for each in everything() if each.remedy == "orthogonal")
    remedied = "bptt remedies --only orthogonal --remedy orthogonal --apply"
    assert commands_of(first, command) == options + remedied


def test_diagnose_tells_its_user_the_command_and_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    model, page = str(tmp_path / "model.safetensors"), tmp_path / "report.html"
    bptt.Network.init(2, 8, 1, loss="mse", loss_at="last", rng=0).save(model)
    done = CliRunner().invoke(
        app,
        ["diagnose", "--model", model, "--data", "adding", "--length", "40", "--report", str(page)],
    )
    assert done.exit_code == 0, done.output
    shown = " ".join(done.stdout.split())
    same = f"--model {model} --data adding --length 40"
    remedied = f"bptt remedies {same} --only orthogonal --remedy orthogonal --apply"
    assert f"bptt train --data adding --length 40 --init orthogonal or {remedied}\n" in done.stdout
    assert "report.apply" not in shown
    text = page.read_text()
    assert (
        "Initialise W_R as an orthogonal matrix: it rotates the signal and keeps its length.<"
        in text
    )
    assert "report.apply" not in text  # there is no report in Python


def options_in(path):
    """Command-line options in a file's words, docstrings too: (line, option) pairs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (
                (node.lineno, o) for o in re.findall(r"(?<![\w(-])--[a-z][\w-]*", node.value)
            )


def test_only_the_command_speaks_of_options():
    """Whoever uses Python, PyTorch or the live page has none."""
    package = Path(bptt.__file__).parent
    elsewhere = {
        str(path.relative_to(package)): options
        for path in package.rglob("*.py")
        if "cli" not in path.relative_to(package).parts and (options := list(options_in(path)))
    }
    assert not elsewhere
    assert list(options_in(package / "cli" / "advice_words.py"))  # where they are found
