"""What rounding may do to an answer that no majorant is known for: the same sums, each number off by a little at random.

A slow answer is computed in 80 bits, and a few times more with every intermediate array off by up to ``SIZE`` units in the last
place of the type, of the largest numbers that it was summed from. How far these answers scatter is what rounding may explain
(the discrete stochastic arithmetic of Vignes 1993).
"""

from collections.abc import Callable

import numpy as np

from fuzz.oracle import LONG

TIMES, SIZE = 3, 2.0


class Noise:
    """Numbers that are off by so much; none at all for the exact answer.

    Args:
        eps: of the type; 0 for none.
        seed: another seed, other numbers.
    """

    def __init__(self, eps: float, seed: int) -> None:
        self.size, self.rng = LONG(SIZE * eps), np.random.default_rng(seed)

    def on(self, array, majorant):
        """The array, off by what rounding of sums of the majorant may do."""
        if not self.size:
            return array
        return array + self.size * majorant * self.rng.uniform(-1, 1, np.shape(array))


def answers(answer: Callable[[Noise], np.ndarray], eps: float):
    """The exact answer, and how far the others lie from it."""
    exact = answer(Noise(0.0, 0))
    with np.errstate(invalid="ignore"):
        off = [np.abs(answer(Noise(float(eps), seed)) - exact) for seed in range(TIMES)]
    return exact, np.max(off, axis=0)
