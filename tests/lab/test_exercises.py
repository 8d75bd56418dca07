"""Right answers found another way are accepted, their neighbours are not; every answer gets a sentence."""

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("marimo")

import bptt
from bptt.cells.activations import ACTIVATIONS
from bptt.lab.asking import Ask
from bptt.lab.exercises import (
    ACTIVATION,
    BIAS,
    CULPRIT,
    EXERCISES,
    FACTOR,
    GAIN,
    LAG,
    POWER,
    TRUNCATION,
)

NAMES = [exercise.key for exercise in EXERCISES]


def run(setting, **changes):
    """The network at an exercise's start, and its profile by the library itself."""
    made = replace(setting, **changes).build()
    found = made.network.run(**made.batch)
    return made, found, bptt.by_lag(found.trace, found.dh, keep_matrices=True)


def test_a_factor_is_that_of_the_lectures_network():
    h, inputs = [0.0], np.random.default_rng(0).standard_normal(20)
    for x in inputs:
        h.append(np.tanh(0.5 * x + 1.2 * h[-1]))
    assert FACTOR.check(round(h[-3], 2)).right
    assert not FACTOR.check(h[-2]).right
    assert "first factor" in FACTOR.check("1.2").sentence


def test_a_half_to_the_power_of_seven_is_gone():
    assert [lag for lag in range(51) if POWER.check(lag).right] == [7]
    assert POWER.check(6).sentence.endswith("not below 0.01 yet.")


def test_the_slopes_are_the_culprit():
    assert [one for one in CULPRIT.choices if CULPRIT.check(one).right] == ["the slopes φ′"]


def test_the_lag_that_a_scan_finds_is_right():
    signal = run(LAG.start)[2].log10_signal
    first = next(k for k in range(len(signal)) if signal[k] - signal[0] < -2)
    assert [lag for lag in range(1, 99) if LAG.check(lag).right] == [first - 1, first, first + 1]
    assert "larger lag" in LAG.check(first - 4).sentence
    assert "before" in LAG.check(first + 4).sentence


def test_an_activation_is_judged_as_the_diagnosis_judges_it():
    for name in ACTIVATIONS:
        made = replace(ACTIVATION.start, activation=name).build()
        verdict = bptt.diagnose(made.network, made.batch).verdict
        answer = ACTIVATION.check(name)
        assert answer.right == (verdict == "exploding")
        assert f"the verdict is {verdict}" in answer.sentence
    assert not ACTIVATION.check("tanh").right


@pytest.mark.parametrize("gain", [1.5, 1.7, 1.9])
def test_the_gain_is_judged_by_the_exponent(gain):
    _, found, _ = run(GAIN.start, gain=gain)
    rate = bptt.lyapunov(found.trace).exponents[0]
    answer = GAIN.check(str(gain))
    assert answer.right == (abs(rate) <= 0.02) == (gain == 1.7)
    said = float(re.search(r"is ([+-]\S+) per step", answer.sentence)[1])
    assert said == pytest.approx(rate, abs=0.02)  # other directions to begin with
    assert answer.right or answer.sentence.endswith("smaller gain." if rate > 0 else "larger gain.")


def test_the_window_that_a_scan_finds_is_right():
    profile = run(TRUNCATION.start)[2]
    kept = np.cumsum(profile.matrices.astype(float), axis=0)
    bias = np.linalg.norm(kept - profile.dW_R, axis=(1, 2)) / np.linalg.norm(profile.dW_R)
    shortest = int(np.flatnonzero(bias > 0.05)[-1]) + 2
    right = [K for K in range(1, 100) if TRUNCATION.check(K).right]
    assert right == [shortest - 1, shortest, shortest + 1]


def test_the_bias_of_the_text_opens_the_gate_far_enough():
    assert BIAS.check(np.log(149)).right
    for bias, words in ((2, "Open the gate further"), (8, "nearly all")):
        answer = BIAS.check(bias)
        assert not answer.right
        assert words in answer.sentence
    _, _, profile = run(BIAS.start, bias=5.0)
    left = float(re.search(r"leaves (\S+) %", BIAS.check(5).sentence)[1])
    assert left == pytest.approx(100 * np.exp(profile.carry_gain[:150].sum()), rel=0.05)


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
@pytest.mark.parametrize(
    "answer", [None, "", "many", "nan", "1e400", float("inf"), -3, 1e40, True, [1], 2 + 1j, "1,5"]
)
def test_bad_answers_get_a_sentence(exercise, answer):
    found = exercise.check(answer)
    assert not found.right
    assert len(found.sentence) > 15


@pytest.mark.parametrize("exercise", EXERCISES, ids=NAMES)
def test_a_hint_after_one_wrong_answer_and_the_solution_after_three(exercise):
    begun = []
    ask = Ask(1, exercise, begun.append)
    for n in range(1, 4):
        ask.answer = {"value": "<b>", "n": n}
        assert ("Hint: " in ask.said, "Solution: " in ask.said) == (True, n == 3)
        assert "<b>" not in ask.said
    ask.begun += 1
    assert begun == [exercise.start]
    assert exercise.question.count("$") % 2 == 0
