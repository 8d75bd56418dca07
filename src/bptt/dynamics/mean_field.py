r"""Mean field of a wide random RNN driven by inputs (Chen, Pennington & Schoenholz 2018).

W_R has entries N(0, σ_w²/H), the input adds variance σ_in² to every z. Then z is Gaussian of variance q,

    (1)  q = σ_w² E[φ(√q ξ)²] + σ_in²,     ξ ~ N(0, 1)
    (2)  χ = σ_w² E[φ′(√q ξ)²]              mean squared growth of a perturbation, per step

and the gain is critical where χ = 1: below, the gradient vanishes, above, it explodes. With inputs the
critical gain lies above 1: they push units to where φ′ is smaller, so "spectral radius 1" is not critical.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bptt.arrays import as_number
from bptt.cells.activations import Activation, Pair, activation
from bptt.errors import OptionError

ROUNDING = 2e-15  # of a sum over z, relative
PANELS = 60  # of the sum over z, on either side of 0
POINTS, PART = np.polynomial.legendre.leggauss(16)  # in each of them


@dataclass(frozen=True)
class MeanField:
    """The fixed point of (1) and (2).

    Attributes:
        q: variance of z.
        chi: mean squared growth per step.
        rate: ln √χ, growth of a perturbation per step.
    """

    q: float
    chi: float
    rate: float


def mean_field(
    gain: float, input_variance: float = 0.0, phi: str | Pair | Activation = "tanh"
) -> MeanField:
    """Equations (1) and (2).

    Args:
        gain: σ_w.
        input_variance: σ_in², variance that W_F x + b adds to z.
        phi: the activation.

    Raises:
        OptionError: if the gain or variance is negative, or the activation unknown.
    """
    gain = as_number("gain", gain, "[0, ∞)", "Pass 0 or more.")
    input_variance = as_number("input_variance", input_variance, "[0, ∞)", "Pass 0 or more.")
    phi = activation(phi)

    def mapped(q: float) -> float:
        return gain**2 * _mean(phi, q, slope=False) + input_variance

    q = _fixed_point(mapped, input_variance + gain**2)
    chi = gain**2 * _mean(phi, q, slope=True)
    return MeanField(q, chi, 0.5 * float(np.log(chi)) if chi > 0 else -np.inf)


def slope_moments(
    gain: float, input_variance: float = 0.0, phi: str | Pair | Activation = "tanh"
) -> tuple[float, float]:
    """(E[φ′(√q ξ)²], E[φ′(√q ξ)⁴]) at the fixed point: how unlike one another the slopes are.

    For gaussian W_R the squared singular values of diag(φ′) W_R have a variance of E[φ′⁴] / E[φ′²]² squared means, for
    orthogonal W_R one less (Pennington, Schoenholz & Ganguli 2017).

    Raises:
        OptionError: as ``mean_field``.
    """
    q = mean_field(gain, input_variance, phi).q
    phi = activation(phi)
    squared = replace(phi, derivative=lambda z, h: np.square(phi.derivative(z, h)))
    return _mean(phi, q, slope=True), _mean(squared, q, slope=True)


def _fixed_point(f: Callable[[float], float], q: float) -> float:
    """Where f(q) = q, from q on: by secants of f(q) - q that go the way of the steps, halving once one has passed it."""
    before, g_before = q, math.nan
    for _ in range(2_000):
        g = f(q) - q
        if abs(g) <= ROUNDING * q or not q < 1e30:  # or it grows for ever
            return q
        if g * g_before < 0:
            return _halved(f, before, q, g_before)
        slope = (g - g_before) / (q - before) if q != before else math.nan
        ahead = q - g / slope if slope < 0 else math.nan  # not beyond 0, nor shorter than a step
        before, g_before = q, g
        q = ahead if ahead > 0 and abs(ahead - q) > abs(g) else q + g
    return q


def _halved(f: Callable[[float], float], a: float, b: float, g_a: float) -> float:
    """The same between a and b, where f(q) - q has the sign of g_a at a and the other at b."""
    while abs(b - a) > ROUNDING * max(a, b):
        middle = (a + b) / 2
        g = f(middle) - middle
        if g * g_a > 0:
            a = middle
        else:
            b = middle
    return (a + b) / 2


def critical_gain(input_variance: float = 0.0, phi: str | Pair | Activation = "tanh") -> float:
    """The gain at which χ = 1, for the given input variance, by bisection.

    Raises:
        OptionError: if the variance is negative, or no gain up to 100 is critical.

    >>> [round(critical_gain(v), 3) for v in (0.0, 0.1, 1.0)]
    [1.0, 1.409, 1.856]
    """
    phi = activation(phi)
    input_variance = as_number("input_variance", input_variance, "[0, ∞)", "Pass 0 or more.")
    if input_variance == 0 and phi.value(np.zeros(1))[0] == 0:
        # At rest q = 0 is the fixed point up to the critical gain: χ = σ_w² E[φ′(0 ±)²].
        at_rest = _mean(phi, 1e-16, slope=True)
        if at_rest > 0:
            return float(at_rest**-0.5)
    low, high = 0.0, 100.0
    if mean_field(high, input_variance, phi).chi < 1:
        raise OptionError("phi", "an activation with a critical gain", phi.name, "Use tanh.")
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        if mean_field(middle, input_variance, phi).chi < 1:
            low = middle
        else:
            high = middle
    return high


def _mean(phi: Activation, q: float, slope: bool) -> float:
    """E[φ(√q ξ)²] or E[φ′(√q ξ)²].

    By a sum over z = s sinh(u): fine around 0, where φ bends, and out to 10 √q; Gauss's rule in panels that end where
    activations have kinks, at 0 and ±1.
    """
    s = min(1.0, q**0.5)
    if s == 0:
        zero = np.zeros(1)
        h = phi.value(zero)
        return float(np.square(phi.derivative(zero, h) if slope else h)[0])
    reach, kink = float(np.arcsinh(10 * q**0.5 / s)), float(np.arcsinh(1 / s))
    ends = np.linspace(0, reach, PANELS + 1)
    if kink < reach:
        ends = np.sort(np.append(ends, kink))
    half = np.diff(ends)[:, None] / 2
    u = (ends[:-1, None] + half * (1 + POINTS)).ravel()
    u, du = np.concatenate([-u[::-1], u]), (half * PART).ravel()
    z = s * np.sinh(u)
    weights = np.cosh(u) * np.exp(-z * z / (2 * q)) * np.concatenate([du[::-1], du])
    h = phi.value(z)
    return float(weights @ np.square(phi.derivative(z, h) if slope else h) / weights.sum())
