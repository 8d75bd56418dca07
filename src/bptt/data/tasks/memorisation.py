r"""A few symbols, to be said again after a delay, with nothing in between.

    steps     0 .. n-1       n .. T+n-1   T+n     T+n+1 .. T+2n-1
    input     n symbols      blank        cue     blank
    target                                the n symbols in order, from the cue on

The noiseless memorisation problem (Martens & Sutskever 2011), n = 5 bits, or n = 10 symbols
out of 5. There every step before the cue is asked for a blank too. Here the loss is taken only
where a symbol is asked for, so that loss and accuracy are about memory alone: without any, ln 2 and 1/2.
"""

import numpy as np

from bptt.arrays import Array, as_whole
from bptt.data.tasks.task import Task, as_length, one_hot


def memorisation(length: int = 100, *, symbols: int = 5, values: int = 2) -> Task:
    """Say five bits again after a delay of T; solved at 99 % of them right.

    Args:
        length: T, from 1.
        symbols: n, how many to remember.
        values: each is one of so many.

    Raises:
        OptionError: if the length or ``symbols`` is no whole number from 1, or ``values`` none from 2.

    >>> task = memorisation(100)
    >>> task.steps, task.needed_lag, task.loss_at
    (110, 105, (105, 106, 107, 108, 109))
    """
    T = as_length("memorisation", length, 1)
    n = symbols = as_whole("symbols", symbols, least=1)
    blank = values = as_whole("values", values, least=2)
    cue = blank + 1
    steps, lag = T + 2 * n, T + n

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        seen = np.full((steps, sequences), blank)
        seen[:n] = rng.integers(values, size=(n, sequences))
        seen[lag] = cue
        return one_hot(seen, values + 2), seen[:n].copy()

    return Task(
        name="memorisation", length=T, steps=steps, inputs=values + 2, outputs=values,
        loss="cross_entropy", loss_at=tuple(range(lag, steps)), needed_lag=lag, longest_lag=lag,
        baseline=float(np.log(values)), solved=0.99, source="Martens & Sutskever 2011", draw=draw,
        at=lambda length: memorisation(length, symbols=symbols, values=values),
    )  # fmt: skip
