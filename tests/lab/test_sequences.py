"""Sequences that are dropped on the page: refused before they take more room than there is."""

import io

import numpy as np
import pytest

pytest.importorskip("marimo")

from bptt.configuration import Configuration
from bptt.errors import FileError
from bptt.lab import ahead, sequences
from bptt.lab.controls import resting
from bptt.lab.measured import measure, report_of
from bptt.lab.upload import MAX_BYTES

UNSAID = {"target": "", "inputs": " ", "sequence": "", "axes": sequences.TOLD}


def npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def read(name, content, **said):
    return sequences.dropped(name, content, UNSAID | said, as_stored=False)


RNG = np.random.default_rng(0)
SQUARE = npz(x=RNG.normal(size=(40, 40, 2)), y=np.arange(40) % 2)


def test_what_the_fields_say_is_followed():
    with pytest.raises(FileError, match=r"a\.csv"):
        read("a.csv", b"a,b\n1,2\n")
    assert read("a.npz", SQUARE, axes=sequences.BATCH).inputs == 2
    assert read("A.NPZ", npz(u=np.ones((9, 5)), v=np.arange(9)), inputs="u", target="v").inputs == 1


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(sequences, "UNPACKED", 2**20)
    bomb = npz(x=np.zeros((500, 600)), y=np.zeros(600))
    assert len(bomb) < 2**14
    for name, content in (
        ("bomb.npz", bomb),
        ("large.csv", bytes(MAX_BYTES + 1)),
    ):
        with pytest.raises(FileError, match=f"{name}: expected at most 64 MB, unpacked 1 MB"):
            read(name, content)
    with pytest.raises(FileError, match=r"a \.npz or \.csv file"):
        read("a.txt", b"")
    with pytest.raises(FileError, match="at most 2,000 steps, got 2,001"):
        read("a.npz", npz(x=np.ones((2001, 3, 1)), y=np.arange(3)))


def test_they_take_the_place_of_the_data_everywhere():
    given = read("a.npz", npz(x=RNG.normal(size=(60, 50, 2)), y=np.arange(60) % 2))
    setting = Configuration(hidden=8, length=20)
    report = report_of(measure(setting.build(given)), setting, given=given)
    assert report.title == "rnn on a.npz"
    assert dict(report.facts)["read as"] == given.description
    assert report.diagnosis.assumed[-1].startswith("a.npz: read as batch first")
    assert {"length", "loss at step"} <= set(resting(setting, False, True))
    seen = ahead.foretold(setting, 20, given=given)
    assert "on a.npz." in ahead.section(setting, seen, given).text
