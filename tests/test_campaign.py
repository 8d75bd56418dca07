"""The campaign troubles commands and looks at what is left: a few trials of it, and that it sees what is not whole."""

import json
import random
import sys
from dataclasses import replace

import pytest

pytest.importorskip("psutil")
pytest.importorskip("typer")

from campaign import disks, table
from campaign.cases import CASES, Lost
from campaign.processes import folder_for, killed
from campaign.trials import Straight, full, kill, read_only, straight

BY_NAME = {case.name: case for case in CASES}
PAGE = BY_NAME["the page of diagnose"]
mounting = pytest.mark.skipif(not disks.allowed(), reason="this user may not mount a disk")


def scripted(code, **changes):
    """A case whose command is a script of a few lines, given the file."""
    return replace(
        PAGE, command=lambda file, resume: [sys.executable, "-c", code, str(file)], **changes
    )


# What no command of ours does: half of a page, a while, then the rest.
CARELESS = """
import sys, time
with open(sys.argv[1], "w") as page:
    page.write("<html>" + 20_000 * "half of it")
    page.flush()
    time.sleep(1)
    page.write("</html>")
"""
# A child in a session of its own, which holds what the parent prints to.
LEAVES_A_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
time.sleep(60)
"""
DONE = "import sys; open(sys.argv[1], 'w').write('<html>' + 20_000 * 'x' + '</html>')"


def test_a_page_is_the_older_one_or_whole_and_the_same_in_the_end():
    with folder_for(PAGE) as folder:
        tried = kill(PAGE, 2, straight(PAGE, folder), random.Random(0))
    assert (tried.times, tried.wrong) == (2, [])
    assert tried.ended >= 1


def test_it_sees_a_file_that_is_written_in_place(tmp_path):
    tried = kill(scripted(CARELESS), 4, Straight(tmp_path, 0.8), random.Random(0))
    assert any("ends in the middle" in sentence for sentence in tried.wrong)


def test_it_sees_a_process_that_lives_on(tmp_path):
    case = scripted(LEAVES_A_CHILD, patience=0.3)
    with pytest.raises(Lost, match=r"1 processes live on longer than 0\.3 s: python after"):
        killed(case, tmp_path / "page.html", 0.5)


def test_a_run_that_ended_by_itself_is_no_kill(tmp_path):
    assert killed(scripted(DONE), tmp_path / "page.html", 20) is None
    with pytest.raises(Lost, match="ended by itself with 3"):
        killed(scripted("import sys; sys.exit(3)"), tmp_path / "page.html", 20)


@mounting
def test_a_full_disk_and_a_read_only_one_end_in_one_clear_error():
    case = BY_NAME["train"]
    with folder_for(case) as folder:
        tried = full(case, 1, straight(case, folder), random.Random(1))
    assert (tried.times, tried.ended, tried.wrong) == (1, 1, [])
    assert read_only(case).wrong == []


@mounting
def test_it_sees_what_a_full_disk_cuts_off(tmp_path):
    (tried,) = (full(scripted(CARELESS), 1, Straight(tmp_path, 1.0), random.Random(1)),)
    assert "it ended with 1" in tried.wrong[0]


def test_the_page_shows_what_was_stored():
    stored = json.loads(table.RESULTS.read_text())
    assert set(stored) <= set(BY_NAME)
    assert table.table() in table.PAGE.read_text()
