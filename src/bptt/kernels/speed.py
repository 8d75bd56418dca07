"""How fast products run here: measured once, when somebody must know how long something takes."""

from functools import cache
from time import perf_counter

import numpy as np

from bptt.kernels import dispatch, threads

ROWS, K, N = 1024, 1024, 256  # of the product: the shape of an LSTM's step back


def per_second() -> float:
    """Floating-point operations per second of a product in float32, with the threads in use."""
    return _measured(threads.get_num_threads())


@cache
def _measured(count: int) -> float:
    a, M = (np.ones(shape, np.float32) for shape in ((ROWS, K), (K, N)))
    best = np.inf
    for _ in range(4):  # the first one warms up
        start = perf_counter()
        dispatch.affine(a, M)
        best = min(best, perf_counter() - start)
    return 2.0 * ROWS * K * N / best
