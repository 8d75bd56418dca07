r"""Two marked bits among many: are they different?

    x_t = (±1, m_t),  m_t = 1 at steps s_1 < s_2, else 0
    target = 1 if the bits at s_1 and s_2 differ, else 0

s_1 is uniform over the first tenth of the steps, s_2 over the rest of the first half (the XOR problem of
Martens & Sutskever 2011; the marks lie much as in Hochreiter & Schmidhuber 1997, experiment 4). Either bit
alone says nothing: ln 2 nats, unless the gradient reaches both.
"""

import numpy as np

from bptt.arrays import Array
from bptt.data.tasks.task import Task, as_length


def xor(length: int = 100) -> Task:
    """Say whether two marked bits of T differ; solved at 99 % right.

    Args:
        length: T, from 4.

    Raises:
        OptionError: if the length is no whole number from 4.

    >>> task = xor(100)
    >>> task.needed_lag, task.longest_lag
    (90, 99)
    """
    T = as_length("xor", length, 4)
    tenth, half = max(1, T // 10), T // 2

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        x = np.zeros((T, sequences, 2), np.float32)
        bits = rng.integers(2, size=(T, sequences))
        x[..., 0] = 2 * bits - 1
        marked = rng.integers([[0], [tenth]], [[tenth], [half]], (2, sequences))
        b = np.arange(sequences)
        x[marked, b, 1] = 1
        first, second = bits[marked, b]
        return x, first ^ second

    return Task(
        name="xor", length=T, steps=T, inputs=2, outputs=2, loss="cross_entropy", loss_at="last",
        needed_lag=T - tenth, longest_lag=T - 1, baseline=float(np.log(2)), solved=0.99,
        source="Martens & Sutskever 2011", draw=draw, at=xor,
    )  # fmt: skip
