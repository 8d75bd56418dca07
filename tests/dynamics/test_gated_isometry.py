"""The spread of a gated step's squared singular values against matrices that are drawn, and against networks."""

import numpy as np
import pytest

from bptt.dynamics import gated_isometry, gated_mean_field
from bptt.errors import OptionError

H, GAIN, INPUT, BIAS = 600, 1.4, 0.7, 1.0


def logistic(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("init", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_moments_are_those_of_matrices_with_independent_diagonals(cell, init):
    rng, of = np.random.default_rng(3), gated_mean_field(cell, GAIN, INPUT, BIAS)

    def weights():
        if init == "orthogonal":
            q, r = np.linalg.qr(rng.standard_normal((H, H)))
            return GAIN * q * np.sign(np.diag(r))
        return GAIN * rng.standard_normal((H, H)) / H**0.5

    def gaussian(variance):
        return variance**0.5 * rng.standard_normal(H)

    def at(slopes):
        return slopes[:, None] * weights()

    s, M, spreads = GAIN**2, of.variance, []
    for _ in range(4):
        carried = gaussian(M)
        if cell == "gru":
            a = of.through * carried + gaussian(s * M - of.through**2 * M)
            r, z = logistic(gaussian(of.drive)), logistic(BIAS + gaussian(of.drive))
            n = np.tanh(gaussian(INPUT) + r * a)
            J = at((carried - n) * z * (1 - z)) + np.diag(z)
            J += at((1 - z) * (1 - n * n) * r) + at((1 - z) * (1 - n * n) * a * r * (1 - r))
        else:
            g = np.tanh(of.through * carried + gaussian(of.drive - of.through**2 * M))
            i, f, o = (logistic(mean + gaussian(of.drive)) for mean in (0, BIAS, 0))
            t = np.tanh(f * carried + i * g)
            X = at(carried * f * (1 - f)) + at(g * i * (1 - i)) + at(i * (1 - g * g))
            p = o * (1 - t * t)
            J = np.block([[at(t * o * (1 - o)) + p[:, None] * X, np.diag(p * f)], [X, np.diag(f)]])
        squares = np.linalg.svd(J, compute_uv=False) ** 2
        spreads.append(squares.var() / squares.mean() ** 2)
    assert gated_isometry(cell, GAIN, INPUT, BIAS, init) == pytest.approx(np.mean(spreads), rel=0.03)  # fmt: skip


def test_without_recurrent_weights_it_is_that_of_the_carry():
    z = logistic(1.0 + 0.7**0.5 * np.random.default_rng(0).standard_normal(10**6))
    squares = z**2
    expected = squares.var() / squares.mean() ** 2
    assert gated_isometry("gru", 0.0, 0.7, 1.0) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("given", [("rnn", 1.0), ("gru", -1.0), ("lstm", 1.0, 0.0, 0.0, "identity")])  # fmt: skip
def test_what_theory_is_silent_of_is_refused(given):
    with pytest.raises(OptionError):
        gated_isometry(*given)
