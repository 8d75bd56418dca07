"""Lags without a part in the gradient are counted without a look at the matrices, and the bill is the same."""

import numpy as np
import pytest

from bptt.gradients.by_lag.bill import Bill
from bptt.gradients.by_lag.scaled import Scaled


@pytest.mark.parametrize("e", [0, 700, -700])
def test_lags_that_add_nothing_are_billed_as_zeros_are(rng, e):
    """Runs of them at the beginning, in the middle and at the end, at scales far apart."""
    parts = [Scaled(rng.standard_normal((8, 5)), e - 3 * k) for k in range(6)]
    whole = Scaled.zeros((8, 5))
    for part in parts:
        whole += part
    given = [None, None, *parts[:2], *[None] * 40, *parts[2:4], None, *parts[4:], *[None] * 2000]
    quick, slow = Bill(whole), Bill(whole)
    for part in given:
        slow.add(Scaled.zeros((8, 5)) if part is None else part)
        if part is None:
            quick.add_nothing()
        else:
            quick.add(part)
    np.testing.assert_allclose(quick.rows, slow.rows, rtol=1e-12, atol=1e-12)
    assert quick.sizes == slow.sizes


def test_what_nearly_cancels_on_the_way_keeps_its_digits(rng):
    """K times what chunks keep passes close to zero at the thousandth lag."""
    A, rest = rng.standard_normal((2, 8, 5))
    given = [Scaled(A), Scaled(-(1 + 1 / 1000.01) * A + 1e-9 * rest)]
    whole = Scaled(given[0].M + given[1].M + 1e-3 * rest)
    quick, slow = Bill(whole), Bill(whole)
    for part in given:
        quick.add(part)
        slow.add(part)
    for _ in range(1100):
        quick.add_nothing()
        slow.add(Scaled.zeros((8, 5)))
    np.testing.assert_allclose(quick.rows, slow.rows, rtol=1e-10, atol=1e-10)


def test_a_run_of_them_touches_no_matrix(rng, monkeypatch):
    from bptt import kernels

    part = Scaled(rng.standard_normal((8, 5)))
    bill = Bill(Scaled(part.M + 1))
    bill.add(part)
    monkeypatch.delattr(kernels, "bill")
    for _ in range(5):
        bill.add_nothing()
    assert len(bill.rows) == 6


@pytest.mark.parametrize("e", [0, 700, -700])
def test_lags_that_are_counted_together_are_billed_as_they_are_one_by_one(rng, e):
    """Runs of one scale, of zeros, and of what leaves nothing."""
    parts = [Scaled(rng.standard_normal((8, 5)), e - 3 * (k // 4)) for k in range(16)]
    parts[8:10] = [Scaled.zeros((8, 5)), Scaled.zeros((8, 5))]
    whole = Scaled.zeros((8, 5))
    for part in parts:
        whole += part
    together, singly = Bill(whole), Bill(whole)
    norms = together.add(*parts[:5]) + together.add(*parts[5:])
    assert norms == [norm for part in parts for norm in singly.add(part)]
    np.testing.assert_allclose(together.rows, singly.rows, rtol=1e-13, atol=1e-13)
    assert together.sizes == singly.sizes
    for name in ("kept", "remaining", "kept_chunked", "left_chunked"):
        one, other = getattr(together, name), getattr(singly, name)
        np.testing.assert_array_equal(one.M, other.M)
        assert one.e == other.e


def test_a_rest_too_small_to_square_is_measured_lag_by_lag(rng):
    """Where a sum of squares leaves float64, the matrix of just that lag is asked."""
    part = rng.standard_normal((8, 5))
    parts = [Scaled(part), Scaled(part * 1e-150), Scaled(part * 1e-170)]
    bill = Bill(Scaled(part))
    bill.add(*parts)
    left = [row[2] for row in bill.rows]
    assert left[0] == -np.inf
    assert left[1:] == pytest.approx([np.log(1e-150), np.log(1e-150)], abs=1e-12)
