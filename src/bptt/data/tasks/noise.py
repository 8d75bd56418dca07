r"""Gaussian noise with nothing to learn: the input that mean-field theory speaks of.

    x_t ~ N(0, 1) in every one of I numbers, target = a coin

It is no task, since no network can do better than the coin, but it shows what the weights do to a gradient
without any structure in the data.
"""

import numpy as np

from bptt.arrays import Array, as_whole
from bptt.data.tasks.task import Task, as_length
from bptt.errors import OptionError

INPUTS = 8  # numbers a step


def noise(length: int = 100, inputs: int = INPUTS, loss_at: str = "last") -> Task:
    """White noise of T steps, with coins for targets.

    Args:
        length: T, from 2.
        inputs: I, numbers a step.
        loss_at: "last" or "every" step.

    Raises:
        OptionError: if a size is too small, or the loss is taken elsewhere.

    >>> noise(50).needed_lag
    25
    """
    T = as_length("noise", length, 2)
    inputs = as_whole("inputs", inputs, least=1)
    if loss_at not in ("last", "every"):
        raise OptionError("loss_at", '"last" or "every"', repr(loss_at), "Pass one of them.")

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        x = rng.standard_normal((T, sequences, inputs), np.float32)
        return x, rng.integers(2, size=sequences if loss_at == "last" else (T, sequences))

    return Task(
        name="noise", length=T, steps=T, inputs=inputs, outputs=2, loss="cross_entropy",
        loss_at=loss_at, needed_lag=T // 2, longest_lag=T - 1, baseline=float(np.log(2)), solved=1.0,
        source="Chen, Pennington & Schoenholz 2018", draw=draw,
        at=lambda T: noise(T, inputs, loss_at), learnable=False,
    )  # fmt: skip
