r"""Two or three symbols far apart among distractors: in which order did they come?

    step      0 .. T-1
    input     A or B at s_1, s_2 (and s_3), elsewhere one of the distractors c, d, e, f
    target    the class Σ_i 2^{n-i} [symbol at s_i is B],  0 .. 2^n - 1

With windows of T/10 steps, s_1 lies in [T/10, 2T/10) and s_2 in [5T/10, 6T/10); of three, s_2 lies in
[3T/10, 4T/10) and s_3 in [6T/10, 7T/10) (Martens & Sutskever 2011 and Pascanu, Mikolov & Bengio 2013, after
Hochreiter & Schmidhuber 1997, experiments 6a and 6b). Without memory all classes are alike:
n ln 2 nats. Whoever misses the first symbol is left with ln 2.
"""

import numpy as np

from bptt.arrays import Array
from bptt.data.tasks.task import Task, as_length, one_hot

DISTRACTORS = 4


def order2(length: int = 100) -> Task:
    """Name the order of two symbols, one of four; solved at 99 % right.

    Args:
        length: T, from 10.

    Raises:
        OptionError: if the length is no whole number from 10.

    >>> task = order2(100)
    >>> task.needed_lag, task.longest_lag
    (80, 89)
    """
    T = as_length("order2", length, 10)
    return _order("order2", T, np.array([T // 10, 5 * T // 10]))


def order3(length: int = 100) -> Task:
    """Name the order of three symbols, one of eight; solved at 99 % right.

    Args:
        length: T, from 10.

    Raises:
        OptionError: if the length is no whole number from 10.
    """
    T = as_length("order3", length, 10)
    return _order("order3", T, np.array([T // 10, 3 * T // 10, 6 * T // 10]))


def _order(name: str, T: int, first: Array) -> Task:
    """The task with a symbol in each of the windows that begin at the steps ``first``."""
    window, n = T // 10, len(first)
    place = 2 ** np.arange(n)[::-1]

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        symbols = rng.integers(2, 2 + DISTRACTORS, (T, sequences))
        bits = rng.integers(2, size=(n, sequences))
        at = first[:, None] + rng.integers(window, size=(n, sequences))
        symbols[at, np.arange(sequences)] = bits
        return one_hot(symbols, 2 + DISTRACTORS), place @ bits

    longest = T - 1 - int(first[0])
    return Task(
        name=name, length=T, steps=T, inputs=2 + DISTRACTORS, outputs=2**n, loss="cross_entropy",
        loss_at="last", needed_lag=longest - window + 1, longest_lag=longest,
        baseline=n * float(np.log(2)), solved=0.99,
        source="Hochreiter & Schmidhuber 1997; Pascanu, Mikolov & Bengio 2013",
        draw=draw, at={2: order2, 3: order3}[n],
    )  # fmt: skip
