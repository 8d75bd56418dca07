"""Bars on standard error, and nothing on standard output."""

import numpy as np
import pytest

import bptt
from bptt.presentation import progress
from bptt.presentation.progress import bar, late_bar, per_second, status


@pytest.mark.parametrize(
    ("speed", "words"),
    [(None, ""), (0.04, ""), (0.5, "0.5/s"), (9.94, "9.9/s"), (10.0, "10/s"), (1234.5, "1234/s")],
)
def test_a_speed(speed, words):
    assert per_second(speed) == words


def test_a_bar_says_what_is_done_of_how_many_on_standard_error_alone(capsys):
    with bar("training") as update:
        update(3, 40, "loss 0.25")
    out, err = capsys.readouterr()
    assert out == ""
    for words in ("training", "3/40", "left", "loss 0.25"):
        assert words in err


def test_a_silent_bar_takes_the_same_calls_and_writes_nothing(capsys):
    with bar("training", shown=False) as update:
        update(3, 40, "loss 0.25")
        update(4, 40)
    assert capsys.readouterr() == ("", "")


def test_a_status_leaves_standard_output_alone(capsys):
    with status() as show:
        show("reverse mode")
    assert capsys.readouterr().out == ""


def test_a_late_bar_says_nothing_of_short_work(capsys):
    with late_bar("diagnose") as update:
        update(1, 2)
        update(2, 2)
    assert capsys.readouterr() == ("", "")


def test_a_late_bar_says_in_lines_how_long_long_work_will_take(capsys, monkeypatch):
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(progress, "monotonic", lambda: float(next(clock)))
    with late_bar("diagnose") as update:
        for done in range(20):
            update(done, 100)
    out, err = capsys.readouterr()
    assert out == ""
    first, *more = err.splitlines()
    assert first.startswith("diagnose: 1%, about ")
    assert first.endswith(" s left")
    assert 1 <= len(more) < 10


def test_a_diagnosis_of_a_network_says_how_far_it_has_come(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LONG", 0.0)
    monkeypatch.setattr(progress, "BETWEEN", 0.0)
    net = bptt.Network.init(inputs=3, hidden=16, outputs=2, rng=0)
    x = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32")
    targets = np.zeros((60, 8), int)
    shown = bptt.diagnose(net, (x, targets))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 10
    assert all(line.startswith("diagnose: ") and line.endswith(" s left") for line in lines)
    silent = bptt.diagnose(net, (x, targets), progress=False)
    assert capsys.readouterr().err == ""
    assert str(shown) == str(silent)
