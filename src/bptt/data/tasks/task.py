"""A task: sequences drawn without end, whose answer lies a known number of steps back."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bptt.arrays import Array, as_whole
from bptt.data.series import Batch

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
        learnable: False for noise: no answer is better than a guess, and no lag is needed more than another.
        sequences: that there are to train on; infinite where every one is made anew.
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
    learnable: bool = True
    sequences: float = math.inf

    def batch(self, sequences: int, rng: np.random.Generator, held_out: bool = False) -> Batch:
        """Fresh sequences, time first, all of one length.

        Args:
            sequences: B, how many.
            rng: where they are drawn from; the same state draws the same sequences.
            held_out: whether they are for measuring, not for training.

        Raises:
            OptionError: if there is not at least one sequence.
        """
        sequences = as_whole("sequences", sequences, least=1)
        x, targets = self.draw(rng, sequences, held_out)
        return Batch(x, targets, np.full(sequences, len(x)), per_step=self.loss_at == "every")

    @property
    def facts(self) -> list[tuple[str, str]]:
        """(name, value) pairs for the head of a report: the task, and what a score on it means."""
        name = ("Data", f"{self.name}, length {self.length}")
        if not self.learnable:
            return [name]
        sign = "from" if self.loss == "cross_entropy" else "up to"
        return [
            name,
            ("loss without memory", f"{self.baseline:.4g}"),
            ("solved", f"{self.measure} {sign} {self.solved:.4g}"),
        ]

    @property
    def why_needed(self) -> str:
        """Why the needed lag is what it is, a sentence."""
        least, most = self.needed_lag, self.longest_lag
        if not self.learnable:
            return (
                f"{self.name.capitalize()} needs no lag: {least}, half the sequence, is looked at."
            )
        where = f"{least} steps" if least == most else f"{least} to {most} steps"
        return f"The task needs lag {least}: what it asks for lies {where} back."

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
    cure = f"Pass a length of at least {least} for the task {task}."
    return as_whole("length", length, least, cure=cure)


def one_hot(symbols: Array, size: int) -> Array:
    """(T, B) symbols, numbers from 0 to size - 1, as (T, B, size) float32 zeros with a one each.

    >>> one_hot(np.array([[2], [0]]), 3)[:, 0]
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    x = np.zeros((*symbols.shape, size), np.float32)
    x.reshape(-1)[np.arange(0, x.size, size) + symbols.reshape(-1)] = 1
    return x
