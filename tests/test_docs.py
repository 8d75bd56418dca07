"""The README and the docs say what is so: their commands print that, their examples run."""

import doctest
import re
from pathlib import Path

import pytest

pytest.importorskip("typer")

from benchmarks import tables

import bptt
from bptt.cli import app
from tests import blocks, names

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src").rglob("*.py")
    if path.name != "__main__.py"
)


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_commands_print_what_stands_there(page, tmp_path):
    """Those of the README run in one shell: tests/test_readme.py."""
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


def anchors(text):
    """Ids, and headings as GitHub links to them."""
    headings = [
        re.sub(r"[^\w\- ]", "", line).strip() for line in re.findall(r"^#+ (.*)$", text, re.M)
    ]
    return {h.lower().replace(" ", "-") for h in headings} | set(re.findall(r'id="(.*?)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), f"{target}#{anchor}"


def test_renamed_modules_are_where_the_changes_say():
    rows = re.findall(
        r"^\| (`bptt\..*?) \| (`bptt\..*?) \|$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert len(rows) > 30
    for row in rows:
        old, new = (re.findall(r"`(bptt[\w.]+)`", cell) for cell in row)
        assert all(name in MODULES for name in new), row
        assert not any(name in MODULES for name in old), row


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
    rows = re.findall(r"^\|.*\| (`bptt/.*) \|$", (ROOT / "docs" / "lecture.md").read_text(), re.M)
    assert len(rows) > 5
    for row in rows:
        files = [ROOT / "src" / name for name in re.findall(r"`(\S+?\.py)`", row)]
        for name in re.findall(r"`(\w+)`", row):
            for file in files:
                assert re.search(rf"^def {name}\(", file.read_text(), re.M), f"{name} in {file}"
        assert all(file.is_file() for file in files), row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_exist(page):
    sources = [path for path in (ROOT / "src" / "bptt").rglob("*") if path.suffix in names.SOURCES]
    words = set(re.findall(r"\w+", "".join(path.read_text() for path in sources)))
    for name in names.backticked(page.read_text()):
        if names.is_ours(name):
            names.look_up(name)
        elif re.fullmatch(r"\w+=?", name):
            assert name.rstrip("=") in words | names.FOREIGN, name


@pytest.mark.parametrize("stale", ["bptt.step_back", "profile.norms", "bptt.tasks.load(name)"])
def test_a_name_that_is_gone_is_noticed(stale):
    assert names.is_ours(stale)
    with pytest.raises((AttributeError, ImportError, KeyError)):
        names.look_up(stale)


def test_every_definition_that_is_cited_is_there():
    """ "(Q5 to Q7)" in a docstring or a page is a definition of docs/definitions.md."""
    text = (ROOT / "docs" / "definitions.md").read_text()
    defined = set(re.findall(r'^<a id="q(\d+)"></a>\n\n## Q\1: ', text, re.M))
    cited = set()
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *PAGES]:
        cited |= set(re.findall(r"\bQ(\d+)\b", path.read_text()))
    assert len(cited) > 9
    assert cited == defined


def test_the_tables_of_the_benchmark_are_those_it_stored():
    for path, text in tables.pages():
        assert path.read_text() == text, f"python -m benchmarks.tables writes {path.name} anew"
