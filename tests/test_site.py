"""The documentation's site: every page has its place, every public name and every command its entry. make site builds it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("typer")

import typer
from docs import website

import bptt
from bptt.cli import app
from tests import names

ROOT = Path(__file__).parent.parent
PAGES = {path.name for path in (ROOT / "docs").glob("*.md")}
# A key is let go again, until the script that waits for it is there.
SEARCHED = """() => {
  document.querySelector(".md-search__input").dispatchEvent(new Event("keyup", { bubbles: true }));
  return document.querySelectorAll(".md-search-result__item").length > 3;
}"""
MADE = {*website.ELSEWHERE.values(), "options.md"}


def test_every_page_has_its_place():
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = re.findall(r"([\w-]+\.md)$", nav, re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) == PAGES | MADE
    index = (ROOT / "docs" / "index.md").read_text()
    assert all(f"]({page})" in index for page in PAGES - {"index.md"})
    assert "](docs/index.md)" in (ROOT / "README.md").read_text()


def test_every_public_name_has_its_entry():
    entries = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.M)
    assert len(entries) == len(set(entries))
    assert {entry.removeprefix("bptt.") for entry in entries} == set(bptt.__all__) - {"__version__"}
    for entry in entries:
        names.look_up(entry)


def test_every_option_of_every_command_is_listed():
    text, main = website.options(), typer.main.get_command(app)
    for command in app.registered_commands:
        name = command.callback.__name__
        section = re.search(rf"^## bptt {name}\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]
        options = [p for p in main.commands[name].params if p.opts[0].startswith("--")]
        entries = re.findall(r"^(`--.*`)\n:   \S.*\.$", section, re.M)
        assert len(entries) == len(options) > 0
        assert all(f"`{p.opts[0]}`" in entry for p, entry in zip(options, entries, strict=True))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """As make site builds it: a dead link, or a name that has no entry, ends it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder], cwd=ROOT,
        capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.needs("mkdocs", "mkdocstrings")
def test_every_picture_says_what_it_shows(site):
    for page in site.glob("*.html"):
        for picture in re.findall(r"<img [^>]*>", page.read_text()):
            assert re.search(r'alt="\w[^"]{20,}"', picture), f"{page.name}: {picture}"


@pytest.mark.needs("mkdocs", "mkdocstrings")
def test_the_search_reads_the_disk(site, browser):
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator(".md-search__input").fill("horizon")
    page.wait_for_function(SEARCHED, timeout=120_000, polling=500)
    page.close()


def test_links_of_pages_that_lie_elsewhere():
    moved = website.moved("[a](docs/files.md#x) [b](CHANGELOG.md) [c](../CONTRIBUTING.md)")
    assert moved == "[a](files.md#x) [b](changes.md) [c](../CONTRIBUTING.md)"


@pytest.mark.parametrize("source", website.ELSEWHERE)
def test_pages_that_lie_elsewhere_lead_to_pages(source):
    links = re.findall(r"\]\(([^)#]+)", website.moved((ROOT / source).read_text()))
    assert {link for link in links if not link.startswith("https:")} <= PAGES | MADE


def seen(html):
    return website.on_page_content(html, page=None, config=None, files=None)


def test_what_a_phone_needs():
    """An option is broken nowhere; a picture leads to itself."""
    assert seen('<code>tasks --needed-lag 3</code><img alt="a" src="i/p.png">') == (
        '<code>tasks <span class="whole">--needed-lag</span> 3</code><a href="i/p.png"><img alt="a" src="i/p.png"></a>'
    )


def rows(cell, *rows):
    return "".join(
        f"<tr>{''.join(f'<{cell}{inner}</{cell}>' for inner in row)}</tr>" for row in rows
    )


def test_what_a_table_needs():
    """Numbers stand on the right, below their heading; they and sizes are broken nowhere, code behind a mark alone."""
    words = "what is said in more than forty characters"
    head = rows("th", [">", ">T, B, H", ">ms", ' style="x">of', ">said"])
    body = rows(
        "td",
        [">a", ">S1: 20, 1, 8", ">1.54 ± 0.098", ' style="x">1e-10.7', f">{words}"],
        [">moves of a slider", ">5, 1, 8", ">", ' style="x">few', "><code>bptt/a_b</code>, y"],
    )
    assert seen(f"<table>{head}{body}</table>") == (
        "<table>"
        + rows("th", [">", ">T, B, H", ' class="right">ms', ' style="x">of', ">said"])
        + rows(
            "td",
            [
                ">a", ' class="number">S1: 20, 1, 8', ' class="right number">1.54 ± 0.098', ' style="x" class="number">1e-10.7',
                f' class="words">{words}',
            ],
            [
                ' class="phrase">moves of a slider', ' class="number">5, 1, 8', ' class="right">', ' style="x">few',
                "><code>bptt/<wbr>a_<wbr>b</code>, y",
            ],
        )
        + "</table>"
    )  # fmt: skip
