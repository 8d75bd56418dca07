r"""The first symbol, to be named at the end of a long row of others.

    step      0         1 .. T-1
    input     0 or 1    any of 2 .. 99
    target    the first symbol, after the last step

The random permutation problem (Martens & Sutskever 2011, after Hochreiter & Schmidhuber 1997, experiment 2)
asks for the next symbol at every step, which no one can know but the last. Here, as in the
programs of Pascanu, Mikolov & Bengio 2013, the loss is taken at the last step alone, and there are two
answers: ln 2 nats without memory.
"""

import numpy as np

from bptt.arrays import Array
from bptt.data.tasks.task import Task, as_length, one_hot

ALPHABET = 100


def permutation(length: int = 100) -> Task:
    """Name the first of T symbols at the end; solved at 99 % right.

    Args:
        length: T, from 2.

    Raises:
        OptionError: if the length is no whole number from 2.

    >>> task = permutation(100)
    >>> task.inputs, task.needed_lag
    (100, 99)
    """
    T = as_length("permutation", length, 2)

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        symbols = rng.integers(2, ALPHABET, (T, sequences))
        symbols[0] = rng.integers(2, size=sequences)
        return one_hot(symbols, ALPHABET), symbols[0].copy()

    return Task(
        name="permutation", length=T, steps=T, inputs=ALPHABET, outputs=2, loss="cross_entropy",
        loss_at="last", needed_lag=T - 1, longest_lag=T - 1, baseline=float(np.log(2)), solved=0.99,
        source="Hochreiter & Schmidhuber 1997; Martens & Sutskever 2011",
        draw=draw, at=permutation,
    )  # fmt: skip
