"""A task: sequences drawn without end, whose answer lies a known number of steps back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bptt.arrays import Array
from bptt.data.series import Batch
from bptt.errors import OptionError

Draw = Callable[[np.random.Generator, int, bool], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Task:
    """Sequences with a known dependence, as many as are asked for.

    Attributes:
        name: "adding", for example.
        length: the length the task is known by, its T; a sequence may be longer by what is asked and answered.
        steps: steps of a sequence.
        inputs: I.
        outputs: classes, or numbers per target.
        loss: "cross_entropy" or "mse".
        loss_at: at which steps the loss is taken, "last", "every" or a list.
        needed_lag: the smallest lag the gradient must reach: with less, a step that the answer cannot do
            without lies out of reach in every sequence.
        longest_lag: the largest lag at which such a step can lie.
        baseline: the loss of the best answer that remembers nothing of what is asked for, in nats or squares.
            It may know when it is asked.
        solved: the score from which on the task counts as solved: accuracy at least, or mean squared error at
            most.
        source: who set it.
        draw: (generator, sequences, held_out) to x (T, B, I) and targets; ``held_out`` matters only where the
            sequences are made of data.
        at: length to the same task at that length.
    """

    name: str
    length: int
    steps: int
    inputs: int
    outputs: int
    loss: Literal["cross_entropy", "mse"]
    loss_at: Any
    needed_lag: int
    longest_lag: int
    baseline: float
    solved: float
    source: str
    draw: Draw
    at: Callable[[int], "Task"]

    def batch(self, sequences: int, rng: np.random.Generator, held_out: bool = False) -> Batch:
        """Fresh sequences, time first, all of one length.

        Args:
            sequences: B, how many.
            rng: where they are drawn from; the same state draws the same sequences.
            held_out: whether they are for measuring, not for training.

        Raises:
            OptionError: if there is not at least one sequence.
        """
        if sequences < 1:
            raise OptionError("sequences", "a number from 1", str(sequences), "Give at least one.")
        x, targets = self.draw(rng, sequences, held_out)
        return Batch(x, targets, np.full(sequences, len(x)), per_step=len(targets) == len(x))

    @property
    def measure(self) -> str:
        """What a score is: "accuracy" or "mean squared error"."""
        return "accuracy" if self.loss == "cross_entropy" else "mean squared error"

    def reached(self, score: float) -> bool:
        """Whether the score counts as solved."""
        return score >= self.solved if self.loss == "cross_entropy" else score <= self.solved


def as_length(task: str, length: Any, least: int) -> int:
    """A task's length, checked.

    Raises:
        OptionError: if it is no whole number, or one that the task cannot be made in.
    """
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < least:
        raise OptionError(
            "length", f"a whole number from {least} for the task {task}", repr(length),
            "Give longer sequences.",
        )  # fmt: skip
    return int(length)


def one_hot(symbols: Array, size: int) -> Array:
    """(T, B) symbols, numbers from 0 to size - 1, as (T, B, size) float32 zeros with a one each.

    >>> one_hot(np.array([[2], [0]]), 3)[:, 0]
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    x = np.zeros((*symbols.shape, size), np.float32)
    x.reshape(-1)[np.arange(0, x.size, size) + symbols.reshape(-1)] = 1
    return x
