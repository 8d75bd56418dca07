r"""Ten symbols, to be said again after a delay.

    steps     0 .. 9         10 .. T+8    T+9         T+10 .. T+19
    input     10 symbols     blank        delimiter   blank
    target    blank          blank        blank       the 10 symbols in order

The symbols are uniform over 8 (Arjovsky, Shah & Bengio 2016). The loss is the mean over all
T+20 steps. Whoever knows when to answer but not what is left with ln 8 at 10 of them: 10 ln 8 / (T+20).

The accuracy is taken over all steps as well, so that blanks alone score (T+10)/(T+20). Solved is 99 % of
the recalled symbols with every blank right: 1 - 0.1/(T+20).
"""

import numpy as np

from bptt.arrays import Array
from bptt.data.tasks.task import Task, as_length, one_hot

ALPHABET, REMEMBERED = 8, 10
BLANK, DELIMITER = ALPHABET, ALPHABET + 1


def copy(length: int = 100) -> Task:
    """Say ten symbols again after a delay of T; solved at 99 % of them right.

    Args:
        length: T, from 1.

    Raises:
        OptionError: if the length is no whole number from 1.

    >>> task = copy(100)
    >>> task.steps, task.needed_lag, task.longest_lag
    (120, 110, 110)
    """
    T = as_length("copy", length, 1)
    steps, lag = T + 2 * REMEMBERED, T + REMEMBERED

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        symbols = np.full((steps, sequences), BLANK)
        symbols[:REMEMBERED] = rng.integers(ALPHABET, size=(REMEMBERED, sequences))
        symbols[lag - 1] = DELIMITER
        targets = np.full((steps, sequences), BLANK)
        targets[lag:] = symbols[:REMEMBERED]
        return one_hot(symbols, ALPHABET + 2), targets

    return Task(
        name="copy", length=T, steps=steps, inputs=ALPHABET + 2, outputs=ALPHABET + 1,
        loss="cross_entropy", loss_at="every", needed_lag=lag, longest_lag=lag,
        baseline=REMEMBERED * float(np.log(ALPHABET)) / steps,
        solved=1 - 0.01 * REMEMBERED / steps,
        source="Arjovsky, Shah & Bengio 2016", draw=draw, at=copy,
    )  # fmt: skip
