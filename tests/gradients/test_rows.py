"""Rows of error signals, each with a scale of its own."""

import warnings

import numpy as np
import pytest

from bptt.gradients.by_lag.rows import Rows


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("power", [-60, 90, -300, 500])
@pytest.mark.parametrize("other", [0, -3000, 3000], ids=lambda e: f"a zero at 2^{e}")
def test_rows_are_brought_within_range_exactly(dtype, power, other):
    """Their values stay, bit for bit, whatever exponent a row of zeros has beside them."""
    D = np.random.default_rng(0).uniform(1, 2, (3, 2, 5)).astype(dtype)
    power = max(power, -100) if dtype == "float32" else power
    D = np.ldexp(D, power if abs(power) < 120 or dtype == "float64" else 0)
    D[1, 0] = 0
    e = np.zeros((3, 2), np.int64)
    e[1, 0] = other
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = Rows.of(4, D.copy(), e, np.ones((3, 2), bool))
    assert np.array_equal(np.ldexp(rows.D.astype("float64"), rows.e[..., None]), D)
    norms = np.sqrt(rows.squares[rows.alive])
    reach = 2.0 ** (40 if dtype == "float32" else 200)
    assert ((1 / reach <= norms) & (norms <= reach)).all()
    assert np.allclose(rows.squares, np.square(rows.D, dtype="float64").sum(-1))
