"""What an exercise is, and how an answer is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.configuration import Configuration


@dataclass(frozen=True)
class OneUnit:
    """Where the sliders of the network of one unit stand.

    Attributes:
        weight: W_R.
        input_weight: W_F.
        phi: name of the activation.
        steps: n, how many steps back are taken.
    """

    weight: float = 0.9
    input_weight: float = 1.0
    phi: str = "tanh"
    steps: int = 4


Start = OneUnit | Configuration  # where sliders stand


@dataclass(frozen=True)
class Checked:
    """What came of an answer.

    Attributes:
        right: whether the answer is.
        sentence: what was measured, and where it is wrong which way to go.
    """

    right: bool
    sentence: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        key: its name.
        below: key of the chart below which it stands.
        title: in a few words.
        question: plain words, with formulas between $.
        start: what the sliders stand at where it begins; the answer is judged there.
        check: an answer of any kind -> what came of it.
        hint: for whoever was wrong once.
        solution: for whoever was wrong three times: how the answer is found.
        choices: the answers there are; empty where the answer is a number.
    """

    key: str
    below: str
    title: str
    question: str
    start: Start
    check: Callable[[Any], Checked]
    hint: str
    solution: str
    choices: tuple[str, ...] = ()


def number(answer: Any) -> float | None:
    """A finite number, given as one or in digits; None for anything else."""
    if isinstance(answer, bool):
        return None
    try:
        value = float(answer)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if np.isfinite(value) else None


def whole(answer: Any) -> int | None:
    """A whole number; None for anything else."""
    value = number(answer)
    return None if value is None or value != int(value) else int(value)
