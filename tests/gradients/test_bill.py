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
