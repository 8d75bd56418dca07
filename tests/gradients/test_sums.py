"""Sizes of sums of outer products: right to the digits of the sum, also where its parts cancel."""

import numpy as np
import pytest

import bptt
from bptt.gradients.sums import sizes_of_sums


@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-7, 1e-11, 0.0])
def test_the_size_of_a_sum_that_cancels(rng, apart):
    a, b = rng.standard_normal((6, 3, 8)), rng.standard_normal((6, 3, 5))
    a[3:], b[3:] = -a[:3], b[:3] + apart * rng.standard_normal((3, 3, 5))
    expected = [np.linalg.norm(a[:, n].T @ b[:, n]) for n in range(3)]
    assert np.abs(sizes_of_sums(a, b) - expected).max() < 1e-14 * np.abs(a).sum()


def test_sequences_that_cancel_at_a_step(rng):
    x = rng.standard_normal((8, 1, 3)) + np.array([[[0.0], [1e-9]]])
    dh = rng.standard_normal((8, 1, 4)) * [[[1.0], [-1.0]]]
    layer = bptt.RNN.init(3, 4, rng=0, dtype="float64")
    trace = layer.forward(x)
    steps = bptt.by_step(trace, dh)
    alone = bptt.by_step(layer.forward(x[:, :1]), dh[:, :1])
    dz = dh[-1] * (1 - trace.h[-1] ** 2)
    expected = np.linalg.norm(dz.T @ trace.h[-2])
    assert expected < 1e-8 * alone.norm[-1]
    assert abs(steps.norm[-1] - expected) < 1e-14 * alone.norm[-1]
