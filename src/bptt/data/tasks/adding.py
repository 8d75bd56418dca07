r"""Two marked numbers among many, to be added.

    x_t = (u_t, m_t),  u_t uniform on [0, 1),  m_t = 1 at steps s_1 < s_2, else 0
    target = u_{s_1} + u_{s_2}

s_1 is uniform over the first half of the steps, s_2 over the second (Arjovsky, Shah & Bengio 2016, after
Hochreiter & Schmidhuber 1997, experiment 4). Always answering 1, the mean, leaves the variance
of the sum, 2/12. Whoever sees the second number only is left with 1/12.
"""

import numpy as np

from bptt.arrays import Array
from bptt.data.tasks.task import Task, as_length


def adding(length: int = 100) -> Task:
    """Add the two marked numbers of T; solved at a tenth of the error of always answering 1.

    Args:
        length: T, from 2.

    Raises:
        OptionError: if the length is no whole number from 2.

    >>> task = adding(100)
    >>> task.needed_lag, task.longest_lag
    (50, 99)
    """
    T = as_length("adding", length, 2)
    half = T // 2

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        x = np.zeros((T, sequences, 2), np.float32)
        u = rng.random((T, sequences), np.float32)
        x[..., 0] = u
        marked = rng.integers([[0], [half]], [[half], [T]], (2, sequences))
        b = np.arange(sequences)
        x[marked, b, 1] = 1
        return x, u[marked, b].sum(0)[:, None]

    return Task(
        name="adding", length=T, steps=T, inputs=2, outputs=1, loss="mse", loss_at="last",
        needed_lag=T - half, longest_lag=T - 1, baseline=1 / 6, solved=1 / 60,
        source="Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016",
        draw=draw, at=adding,
    )  # fmt: skip
