"""Bars on standard error, and nothing on standard output."""

import pytest

from bptt.presentation.progress import bar, per_second, status


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
