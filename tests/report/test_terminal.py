"""The report on the terminal: the answer first, the layer that decides in full, the others a row each."""

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rich")

import bptt
from bptt.diagnosis import diagnose_network
from bptt.report.plain_words import answer
from bptt.report.said_once import layers_in_order, said_once
from tests.report.conftest import random_case


def first_line(report):
    return str(report).splitlines()[0]


def two_layers(**options):
    net, (x, targets) = random_case(0, cell="lstm", layers=2, loss_at="last")
    return bptt.diagnose(net, (x, targets[-1]), **options)


def chain(factor, T=40, **options):
    """A single unit that multiplies its state by a factor in every step."""
    layer = bptt.RNN(np.ones((1, 1)), np.full((1, 1), float(factor)), np.zeros(1), "identity")
    net = bptt.Network(layer, np.ones((1, 1)), np.zeros(1), "mse", "last")
    return bptt.diagnose(net, (np.ones((T, 2, 1)), np.zeros((2, 1))), **options)


def test_the_first_line_answers_the_question():
    """By the factor per step: 0.5 leaves a twentieth after 4 steps, 2 is past 100 after 7."""
    report = chain(0.5, needed_lag=30)
    assert report.horizon < 30
    assert (
        first_line(report)
        == f"No: the gradient reaches {report.horizon} of the 30 steps the task needs."
    )
    assert (
        first_line(chain(1, needed_lag=30))
        == "Yes: the gradient reaches the 30 steps the task needs."
    )
    assert first_line(chain(2, needed_lag=30)) == (
        "No: the gradient explodes: the error signal grows to 5.5e+11 times its size 39 steps back in time."
    )
    assert first_line(chain(0, needed_lag=30)).startswith(
        "No: the gradient reaches none of the 30 steps"
    )


def test_without_a_needed_lag_half_the_sequence_is_taken_and_said():
    assert (
        first_line(chain(1))
        == "Yes: the gradient reaches 20 steps; half the sequence is assumed to be needed."
    )
    report = chain(0.5)
    assert first_line(report) == (
        f"No: the gradient reaches {report.horizon} of 20 steps; half the sequence is assumed to be needed."
    )


def test_a_horizon_that_is_no_answer_is_not_given_as_one():
    """0.9 a step leaves 12 % after 20 steps: steady, although 95 % of the gradient lies nearer than lag 39."""
    report = chain(0.88, needed_lag=30)  # 2.2 % of it
    assert report.verdict == "steady"
    layer = report.layers["rnn.0"]
    short = replace(report.diagnosis, layers={"rnn.0": replace(layer, horizon=12)})
    assert answer(short) == (
        "Yes", "30 steps back, as far as the task needs, 2.2\N{NO-BREAK SPACE}% of the error signal is still there."
    )  # fmt: skip
    far = replace(layer, verdict="vanishing", log10_attenuation=-2.1, horizon=35)
    word, why = answer(replace(report.diagnosis, layers={"rnn.0": far}))
    assert (word, why[:48]) == ("No", "30 steps back, as far as the task needs, one par")


def test_layers_that_are_too_short_are_said_to_be_judged_otherwise():
    report = two_layers(needed_lag=30)
    layers = {name: replace(each, needed_lag=10, horizon=4) for name, each in report.layers.items()}
    name = report.diagnosis.decisive.name
    word, why = answer(replace(report.diagnosis, layers=layers))
    assert (word, why) == (
        "No", f"the gradient reaches 4 of 10 steps; half of the steps of {name} is assumed to be needed."
    )  # fmt: skip


def test_the_layer_that_decides_is_in_full_and_the_other_a_row():
    report = two_layers(needed_lag=30)
    first, other = layers_in_order(report.diagnosis)
    text = str(report)
    assert f"{first.name}: vanishing" in text
    assert f"{other.name}: vanishing" not in text
    (row,) = re.findall(rf"^{re.escape(other.name)} .*$", text, re.M)
    assert row.split()[1:4] == ["vanishing", str(other.horizon), "30"]
    assert text.count("spectral radius") == 1
    assert "In full: report.print(all=True)" in text
    assert len(text.splitlines()) < 65


def test_all_layers_when_asked_for(capsys):
    report = two_layers(needed_lag=30)
    report.print(all=True)
    text = capsys.readouterr().out
    assert all(f"{name}: vanishing" in text for name in report.layers)
    assert text.count("spectral radius") == 2
    assert "Other layers" not in text
    report.print()
    assert "Other layers" in capsys.readouterr().out


def test_the_same_advice_is_said_once_and_names_the_layers(capsys):
    report = two_layers(needed_lag=30)
    _, other = layers_in_order(report.diagnosis)
    report.print(all=True)
    flat = " ".join(capsys.readouterr().out.split())
    assert flat.count("chrono initialisation") == 1
    assert flat.count('report.apply("chrono")') == 1
    assert f"The same in {other.name}." in flat


def test_advice_with_a_number_of_its_own_is_said_for_each():
    """And a way to follow it that differs from layer to layer stands there for each."""
    report = two_layers(needed_lag=30)
    first, other = layers_in_order(report.diagnosis)
    chrono = first.advice[0]
    layers = {
        first.name: replace(first, advice=(chrono, replace(chrono, remedy="gain", number=2.0))),
        other.name: replace(other, advice=(chrono, replace(chrono, remedy="gain", number=3.0))),
    }
    diagnosis = replace(report.diagnosis, layers=layers)
    said = said_once(diagnosis, lambda advice: advice.code)
    assert [each.also for each in said[first.name]] == [(other.name,), ()]
    assert [each.advice.number for each in said[other.name]] == [3.0]
    layers[other.name] = replace(other, advice=(replace(chrono, code="other.b = 1"),))
    said = said_once(replace(report.diagnosis, layers=layers), lambda advice: advice.code)
    assert said[first.name][0].ways == (chrono.code, "other.b = 1")


def test_many_layers_are_not_named_one_by_one():
    net, batch = random_case(0, layers=5)
    diagnosis = diagnose_network(net, batch, 30)
    advice = diagnosis.decisive.advice[:1]
    layers = {name: replace(each, advice=advice) for name, each in diagnosis.layers.items()}
    said = said_once(replace(diagnosis, layers=layers), lambda _: "")
    assert str(said[diagnosis.decisive.name][0]).endswith("The same in every other layer.")
