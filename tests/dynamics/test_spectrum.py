"""Departure from normality and the powers of W_R, by closed forms."""

import numpy as np
import pytest

from bptt.dynamics import spectrum
from bptt.dynamics.spectrum import log_largest_power


def rotation(H, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(H, H)))[0]


@pytest.mark.parametrize(
    "W",
    [np.eye(5), 1.05 * np.eye(8), rotation(12), np.diag(np.arange(6.0)), np.zeros((3, 3)), -rotation(7) + rotation(7).T],
    ids=["identity", "scaled", "orthogonal", "diagonal", "zero", "skew"],
)  # fmt: skip
def test_a_normal_matrix_does_not_depart(W):
    s = spectrum(W)
    assert s.departure < 1e-7
    assert s.sigma_max == pytest.approx(s.radius)


def test_the_departure_is_the_size_of_what_stands_above_the_eigenvalues():
    """Henrici: of Q (D + N) Qᵀ with D diagonal and N strictly triangular it is ‖N‖_F / ‖D + N‖_F."""
    rng, Q = np.random.default_rng(1), rotation(9)
    D, N = np.diag(rng.normal(size=9)), np.triu(rng.normal(size=(9, 9)), 1)
    expected = np.linalg.norm(N) / np.linalg.norm(D + N)
    assert spectrum(Q @ (D + N) @ Q.T).departure == pytest.approx(expected, rel=1e-9)
    assert spectrum(N).departure == 1


def test_powers_that_still_grow_have_no_peak():
    s = spectrum(1.05 * np.eye(8))
    assert (s.peak, s.peak_power) == (None, None)
    assert s.last == pytest.approx(1.05**64)


@pytest.mark.parametrize("H", [4, 16, 33])
def test_powers_that_keep_their_size_do_not_grow(H):
    """Rounding makes one of 64 powers the largest: that is no growth."""
    s = spectrum(rotation(H))
    assert (s.peak_power, s.peak, s.last) == (1, pytest.approx(1), pytest.approx(1))


@pytest.mark.parametrize("gain", [0.3, 0.8, 0.99, 1.0, 1.3])
@pytest.mark.parametrize("transient", [0.0, 3.0])
def test_the_largest_power_is_the_largest_of_all(gain, transient):
    """Though most are never formed where they shrink."""
    rng = np.random.default_rng(3)
    W = rng.normal(size=(9, 9))
    W = gain * W / np.abs(np.linalg.eigvals(W)).max() + transient * np.triu(np.ones((9, 9)), 7)
    found, sizes = spectrum(W), [np.linalg.norm(np.linalg.matrix_power(W, k), 2) for k in range(1, 65)]  # fmt: skip
    best = int(np.argmax(sizes)) + 1
    assert found.peak_power == (None if best == 64 else best)
    assert found.peak is None or found.peak == pytest.approx(max(sizes), rel=1e-12)
    assert found.last == pytest.approx(sizes[-1], rel=1e-10)
    for most in (1, 3, 20):
        assert log_largest_power(W, found, most) == pytest.approx(np.log(max(sizes[:most])), abs=1e-12)  # fmt: skip


def test_a_transient_ends():
    """A chain of 5 units that each feed the next one twofold: 2^4 at k = 4, then nothing."""
    s = spectrum(np.diag(np.full(4, 2.0), 1))
    assert (s.radius, s.peak, s.peak_power, s.last) == (0, pytest.approx(16), 4, 0)
