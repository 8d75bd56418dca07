"""The size of a sum of outer products, without the matrix where that keeps its digits."""

import numpy as np

from bptt import kernels
from bptt.arrays import Array

# Of the sum of all sizes: below it the square of the sum has lost digits that the sum still has.
CANCELLED = 1 / 16


def sizes_of_sums(a: Array, b: Array) -> Array:
    """‖Σ_n a_n ⊗ b_n‖ of each sequence.

    Args:
        a: (N, B, M) rows of B sequences.
        b: (N, B, K) as many.

    Returns:
        (B,) float64.
    """
    squared, most = kernels.squares_of_sums(a, b)
    sizes = np.sqrt(np.maximum(squared, 0))
    for n in np.flatnonzero(sizes < CANCELLED * most):
        one, other = (np.ascontiguousarray(rows[:, n]) for rows in (a, b))
        sizes[n] = np.sqrt(np.square(kernels.outer(one, other), dtype=np.float64).sum())
    return np.asarray(sizes)
