"""The campaign kills commands and looks at what is left: a few kills of it, and that it sees what is not whole."""

import json
import random
import sys
from dataclasses import replace

import pytest

pytest.importorskip("psutil")
pytest.importorskip("typer")

from campaign import table
from campaign.__main__ import full, kill
from campaign.cases import CASES

BY_NAME = {case.name: case for case in CASES}
# What no command of ours does: half of a page, a while, then the rest.
CARELESS = """
import sys, time
with open(sys.argv[1], "w") as page:
    page.write("<html>" + 20_000 * "half of it")
    page.flush()
    time.sleep(1)
    page.write("</html>")
"""


def test_a_page_is_the_older_one_or_whole():
    tried = kill(BY_NAME["the page of diagnose"], 2, random.Random(0))
    assert (tried.kills, tried.ended, tried.wrong) == (2, 1, [])


def test_a_full_disk_ends_in_one_clear_error():
    assert full(BY_NAME["train"], random.Random(1), 1).wrong == []


def test_it_sees_a_file_that_is_written_in_place():
    careless = replace(
        BY_NAME["the page of diagnose"],
        command=lambda file, resume: [sys.executable, "-c", CARELESS, str(file)],
    )
    tried = kill(careless, 4, random.Random(0))
    assert any("ends in the middle" in sentence for sentence in tried.wrong)


def test_the_page_shows_what_was_stored():
    stored = json.loads(table.RESULTS.read_text())
    assert set(stored["cases"]) == set(BY_NAME)
    assert table.table() in table.PAGE.read_text()
