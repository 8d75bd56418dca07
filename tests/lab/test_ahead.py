"""The look ahead of the page: whose it is, and what is shown where there is little to show."""

from dataclasses import replace

import pytest

pytest.importorskip("marimo")

import bptt
from bptt.configuration import Configuration
from bptt.data import Text, tasks
from bptt.lab import ahead
from bptt.prognoses import NetworkLearner, look_ahead

SMALL = Configuration(input_variance=0.5, hidden=8, length=20)


def test_in_place_of_noise_it_learns_the_adding_task_of_the_same_length():
    seen = ahead.foretold(SMALL, 40)
    task = tasks.adding(20)
    network = replace(SMALL, data="adding").build().network
    assert seen.needed_lag == task.needed_lag
    assert seen.losses == look_ahead(NetworkLearner(network, task), 4).losses
    words = ahead.section(SMALL, seen).text
    assert "rnn, 8 units" in words
    assert "From noise there is nothing to learn" in words
    assert "nothing to learn" not in ahead.section(replace(SMALL, data="adding"), seen).text


def test_a_text_is_read_in_pieces_of_the_length_of_the_sliders():
    setting = replace(SMALL, data="text", cell="gru")
    seen = ahead.foretold(setting, 40)
    assert seen.needed_lag == 10
    learner = NetworkLearner(setting.build().network, Text.load(), length=20)
    assert seen.losses == look_ahead(learner, 4).losses


def test_the_bar_is_told_every_update_once(monkeypatch):
    class Bar:
        def __init__(self, total, **_):
            self.total, self.done, self.words = total, 0, []
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, increment, subtitle):
            self.done += increment
            self.words.append(subtitle)

    bars = []
    monkeypatch.setattr(ahead.mo.status, "progress_bar", Bar)
    shown = ahead.shown(SMALL, 40)
    assert bars[0].total == bars[0].done == 4
    assert bars[0].words[0] == "measuring, update 0 of 4"
    assert "lag 10" in shown.text


def test_what_overflows_is_said_and_nothing_breaks():
    setting = replace(SMALL, activation="identity", gain=3.0, length=300)
    shown = ahead.section(setting, ahead.foretold(setting, 40)).text
    assert "broke off after 0 updates" in shown
    assert "Nothing to draw" in shown


def test_what_cannot_be_looked_ahead_is_one_sentence():
    shown = ahead.shown(replace(SMALL, data="none such"), 40).text
    assert "none such" in shown
    assert "Traceback" not in shown


def test_the_same_words_as_everywhere():
    seen = ahead.foretold(SMALL, 40)
    network = replace(SMALL, data="adding").build().network
    report = bptt.prognosis(network, tasks.adding(20), budget=40, progress=False)
    assert report.sentence in ahead.section(SMALL, seen).text
