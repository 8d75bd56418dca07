"""The README and the docs say what is so: their commands print that, their examples run."""

import doctest
import re
from pathlib import Path

import pytest

pytest.importorskip("typer")

from benchmarks import tables

import bptt
from bptt.cli import app
from tests import blocks

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src").rglob("*.py")
    if path.name != "__main__.py"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_print_what_stands_there(page, tmp_path):
    for block in blocks.FENCE.findall(page.read_text()):
        for command, output in blocks.commands(block):
            assert blocks.shape(blocks.run(command, tmp_path)) == blocks.shape(output), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(
        str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_run(name):
    import importlib

    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_command_is_documented():
    text = (ROOT / "docs" / "command-line.md").read_text()
    for command in app.registered_commands:
        assert f"## bptt {command.callback.__name__}" in text


def test_every_public_name_is_documented():
    text = "".join(page.read_text() for page in PAGES)
    classes = {
        "__version__",
        "Grads",
        "LagProfile",
        "StepProfile",
        "Truncation",
        "Report",
        "Trace",
        "errors",
    }  # what functions return
    for name in set(bptt.__all__) - classes:
        assert f"bptt.{name}" in text, name


def test_every_row_of_the_code_map_exists():
    for name in re.findall(r"`bptt/(\S+?\.py)`", (ROOT / "docs" / "lecture.md").read_text()):
        assert (ROOT / "src" / "bptt" / name).is_file(), name


def test_the_tables_of_the_benchmark_are_those_it_stored():
    for path, text in tables.pages():
        assert path.read_text() == text, f"python -m benchmarks.tables writes {path.name} anew"
