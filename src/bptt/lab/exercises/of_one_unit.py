"""Exercises on the unrolled expression of one unit, whose factors stand on the page as numbers."""

from functools import lru_cache
from typing import Any

import numpy as np

from bptt.lab.exercises.base import Checked, Exercise, OneUnit, number, whole
from bptt.lab.scalar import Unrolled, unrolled

GONE = 0.01
POWERS, SLOPES, STATES = "the powers of W_R", "the slopes φ′", "the states h"
SECOND = OneUnit(weight=1.2, input_weight=0.5, steps=3)
HALVED = OneUnit(weight=0.5, phi="identity", steps=8)
GROWING = OneUnit(weight=2.0, steps=6)


def inputs() -> Any:
    """(20,) what the unit has read."""
    return np.random.default_rng(0).standard_normal(20)


@lru_cache(maxsize=64)
def expression(at: OneUnit) -> Unrolled:
    """The sum of the unit whose sliders stand so."""
    return unrolled(at.input_weight, at.weight, 0, inputs(), at.steps, at.phi)


def _factor(answer: Any) -> Checked:
    value = number(answer)
    if value is None:
        return Checked(False, "The answer is a number.")
    factors = expression(SECOND).terms[1].factors
    third = factors[2].value
    if abs(value - third) <= 0.005:
        return Checked(True, f"Right: h at step t-2, {third:.3f}.")
    for name, other in (("first", factors[0].value), ("second", factors[1].value)):
        if abs(value - other) <= 0.005:
            return Checked(False, f"{other:.3g} is the {name} factor of that term.")
    return Checked(False, f"{value:g} is no factor of the second term.")


def _power(answer: Any) -> Checked:
    lag = whole(answer)
    if lag is None or not 0 <= lag <= 50:
        return Checked(False, "The answer is a lag: a whole number from 0 to 50.")
    factor = HALVED.weight**lag
    said = f"After {lag} steps back the factor is {HALVED.weight:g} to the power of {lag}, that is {factor:.2g}"
    if factor >= GONE:
        return Checked(False, f"{said}: not below 0.01 yet.")
    if HALVED.weight ** (lag - 1) < GONE:
        return Checked(False, f"{said}. It was below 0.01 at a smaller lag.")
    return Checked(True, f"Right. {said}.")


def _culprit(answer: Any) -> Checked:
    if answer not in (POWERS, SLOPES, STATES):
        return Checked(False, f"The answer is one of {POWERS}, {SLOPES}, {STATES}.")
    last = expression(GROWING).terms[-2].row()
    sizes = {POWERS: last["power"], SLOPES: last["slopes"], STATES: last["state"]}
    said = f"In the term of lag {last['lag']}, {answer} give a factor of {abs(sizes[answer]):.2g}"
    if answer == SLOPES:
        return Checked(True, f"Right. {said}, while W_R to the power of {last['lag']} is {last['power']:g}.")  # fmt: skip
    return Checked(False, f"{said}: that makes no term so small.")


FACTOR = Exercise(
    "factor", "terms", "A factor of a term",
    "Set the sliders to $W_R = 1.2$, $W_F = 0.5$, *tanh* and $n = 3$. What is the value of the third factor of the second "
    "term, that of lag 1? An answer within 0.005 is right.",
    SECOND, _factor,
    "The terms stand below each other, the first is that of lag 0. The number of a factor stands below it.",
    "The second line is W_R φ′(z at t-1) h at t-2. Its third factor is the state h at t-2; below it stands -0.836.",
)  # fmt: skip
POWER = Exercise(
    "power", "terms", "Halved at each step",
    "Set the sliders to $W_R = 0.5$, $W_F = 1$, *identity*, whose slope is always 1, and $n = 8$. What is the smallest lag $k$ "
    "at which $W_R^k$ is below 0.01?",
    HALVED, _power,
    "In the term of lag k the factor W_R stands k times. Each step back halves it.",
    "0.5 to the power of 6 is 0.016, to the power of 7 it is 0.0078: from lag 7 on. In general k > ln 0.01 / ln 0.5 = 6.6.",
)  # fmt: skip
CULPRIT = Exercise(
    "culprit", "terms", "The culprit",
    "Set the sliders to $W_R = 2$, $W_F = 1$, *tanh* and $n = 6$. Now $W_R^k$ grows with $k$, and still the terms vanish. What makes "
    "them so small?",
    GROWING, _culprit,
    "Compare in the last lines: the number below the power of W_R, those below the slopes, and that below the state.",
    "The slopes: at lag 5 the power of W_R is 32, but the five slopes multiply to less than 0.0001. The states are near 1.",
    (POWERS, SLOPES, STATES),
)  # fmt: skip
