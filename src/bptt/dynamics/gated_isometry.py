r"""How far a step of a wide random LSTM or GRU is from an isometry: the spread of its Jacobian's squared singular values.

The Jacobian of a step is a sum of diagonal matrices, one of the carry and one of each gate, times that gate's W_R:

    (1)  GRU    J = diag(z) + X                              of h
    (2)  LSTM   J = [diag(q) W_Ro + diag(p) X,  diag(p f);   X,  diag(f)]      of [h; c],  p = o tanh′(c),  q = σ′ tanh(c)
    (3)  X = Σ_g diag(d_g) W_Rg

Weights are independent of the diagonals at leading order (Chen, Pennington & Schoenholz 2018), so that row i of X is Gaussian of
variance σ² d²_i, d² = Σ_g d²_g, and the first two moments of J Jᵀ are means over units. For a GRU

    (4)  μ₁ = E[z²] + σ² E[d²]
    (5)  μ₂ = E[z⁴] + 2 σ² E[z² d²] + 2 σ² E[z²] E[d²] + σ⁴ (E[d⁴] + E[d²]²)

and the spread is μ₂ / μ₁² - 1; without a carry that is E[d⁴] / E[d²]², the plain network's (Pennington, Schoenholz & Ganguli
2017). Two rows of one orthogonal W_Rg are at right angles: then E[d²]² in (5) loses Σ_g E[d²_g]². The means are over the Gaussians of
``bptt.dynamics.gated_mean_field``: gates drawn anew in every step, and what the candidate receives through W_R correlated with
what is carried.
"""

import math
from functools import lru_cache

import numpy as np

from bptt.arrays import Array, as_choice
from bptt.cells.activations import logistic
from bptt.dynamics.gated_mean_field import gated_mean_field, standard

INITS = ("gaussian", "orthogonal")


@lru_cache(4096)
def gated_isometry(
    cell: str, gain: float, input_variance: float = 0.0, bias: float = 0.0, init: str = "gaussian"
) -> float:
    """Variance of the squared singular values of ∂s_t/∂s_{t-1} over their squared mean; 0 is an isometry but for a factor.

    Args:
        cell: "lstm" or "gru" (PyTorch's).
        gain: σ.
        input_variance: σ_in², variance that W_F x adds to every z.
        bias: of an LSTM's forget gate, or a GRU's update gate; all others are 0.
        init: of W_R, "gaussian" or "orthogonal".

    Raises:
        OptionError: if there is no such cell or init, or a number is out of range.

    >>> round(gated_isometry("gru", 0.0), 6)    # z h is all that is left
    0.0
    >>> round(gated_isometry("gru", 1.0), 2), round(gated_isometry("lstm", 1.0), 2)
    (0.36, 1.5)
    """
    as_choice("init", init, INITS)
    of = gated_mean_field(cell, gain, input_variance, bias)
    moments = _gru if cell == "gru" else _lstm
    first, second = moments(of.variance, of.drive, of.through, gain, input_variance, bias, init)
    return second / first**2 - 1


def _gru(
    M: float, q: float, through: float, gain: float, variance: float, bias: float, init: str
) -> tuple[float, float]:
    """μ₁ and μ₂ of (4) and (5); d_z = (h - n) σ′(z), d_n = (1 - z) n′ r, d_r = (1 - z) n′ a σ′(r), a = W_Rn h."""
    z, of_z = _logistic(bias, q, 64)
    slope, closed = (z * (1 - z)) ** 2, (1 - z) ** 2
    r, of_r = (_along(part, 0, 3) for part in _logistic(0.0, q, 24))
    a, of_a = (_along(part, 1, 3) for part in _gauss(max(q - variance, 0.0), 32))
    u, of_u = (_along(part, 2, 3) for part in _gauss(variance, 32))
    part = of_r * of_a * of_u
    n = np.tanh(u + r * a)
    # h, given a, is Gaussian: of this mean and variance
    mean = through / gain**2 * a if gain else 0.0
    left = max(M - (through / gain) ** 2 * M, 0.0) if gain else M
    apart = (mean - n) ** 2 + left
    apart2 = (mean - n) ** 4 + 6 * (mean - n) ** 2 * left + 3 * left**2
    by_n, by_r = ((1 - n * n) * r) ** 2, ((1 - n * n) * a * r * (1 - r)) ** 2
    to_n = by_n + by_r

    def of(values: Array) -> float:
        return float((values * part).sum())

    gates = float(of_z @ slope) * of(apart), float(of_z @ closed) * of(by_n), float(of_z @ closed) * of(by_r)  # fmt: skip
    d2 = sum(gates)
    d4 = (
        float(of_z @ slope**2) * of(apart2)
        + 2 * float(of_z @ (slope * closed)) * of(apart * to_n)
        + float(of_z @ closed**2) * of(to_n**2)
    )
    z2, z4 = float(of_z @ z**2), float(of_z @ z**4)
    z2d2 = float(of_z @ (z**2 * slope)) * of(apart) + float(of_z @ (z**2 * closed)) * of(to_n)
    s = gain**2
    return z2 + s * d2, z4 + 2 * s * (z2d2 + z2 * d2) + s * s * (d4 + _between(gates, init))


def _lstm(
    M: float, q: float, through: float, gain: float, variance: float, bias: float, init: str
) -> tuple[float, float]:
    """The same of (2), over 2H singular values; d_i = g σ′(i), d_f = c σ′(f), d_g = i tanh′(g)."""
    c, of_c = (_along(part, 0, 4) for part in _gauss(M, 64))
    xi, of_g = (_along(part, 1, 4) for part in _gauss(1.0, 20))
    i, of_i = (_along(part, 2, 4) for part in _logistic(0.0, q, 12))
    f, of_f = (_along(part, 3, 4) for part in _logistic(bias, q, 12))
    o, of_o = _logistic(0.0, q, 64)
    part = of_c * of_g * of_i * of_f
    g = np.tanh(through * c + math.sqrt(max(q - through**2 * M, 0.0)) * xi)
    now = np.tanh(f * c + i * g)
    p, h = (1 - now * now) ** 2, now * now  # over o², and σ′(o)²
    o_slope = (o * (1 - o)) ** 2
    o2, o4, s2, s4, os = (
        float(of_o @ k) for k in (o**2, o**4, o_slope, o_slope**2, o**2 * o_slope)
    )
    by_f, by_i, by_g = (f * (1 - f) * c) ** 2, (i * (1 - i) * g) ** 2, (i * (1 - g * g)) ** 2
    d, f2 = by_f + by_i + by_g, f * f
    once, twice = 1 + o2 * p, 1 + 2 * o2 * p + o4 * p * p  # of 1 + p², and squared

    def of(values: Array) -> float:
        return float((values * part).sum())

    gates = (s2 * of(h), *(of(once * each) for each in (by_f, by_i, by_g)))
    alone = s4 * h * h + 2 * os * p * h * d + (o4 * p * p + 2 * o2 * p + 1) * d * d
    s = gain**2
    first = s * sum(gates) + of(f2 * once)
    second = (
        of(f2 * f2 * twice)
        + 2 * s * of(f2 * (os * p * h + twice * d))
        + s * s * (of(alone) + _between(gates, init))
    )
    return first / 2, second / 2


def _between(gates: tuple[float, ...], init: str) -> float:
    """What rows of different units have in common."""
    own = sum(each * each for each in gates) if init == "orthogonal" else 0.0
    return sum(gates) ** 2 - own


def _gauss(variance: float, n: int) -> tuple[Array, Array]:
    """Nodes of a Gaussian of mean 0, and their parts."""
    x, part = standard(n)
    return math.sqrt(variance) * x, part


def _logistic(mean: float, variance: float, n: int) -> tuple[Array, Array]:
    """A gate at the nodes of its z, and their parts."""
    x, part = _gauss(variance, n)
    return logistic(mean + x), part


def _along(values: Array, axis: int, axes: int) -> Array:
    """(n,) values along one of so many axes."""
    shape = [1] * axes
    shape[axis] = -1
    return values.reshape(shape)
