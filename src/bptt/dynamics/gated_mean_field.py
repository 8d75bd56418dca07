r"""Mean field of a wide random LSTM or GRU driven by inputs, with a bias at the gate that carries.

W_R has entries N(0, σ²/H), the inputs add variance σ_in² to every z. As for a plain network (Chen, Pennington & Schoenholz
2018; with gates Gilboa et al. 2019) pre-activations are Gaussian. Two things differ here. W_R is the same at every step, so
what comes through it stays correlated with the state that is carried (Can, Krishnamurthy & Schwab 2020); and gates are
taken as drawn anew in every step, which they are not where they turn slowly. A perturbation of the carried state is

    (1)  δ_{t+1} = a_t δ_t + b_t η_t + noise,      η_t = W_R δh_t,   δh_t = p δ_t + noise

with a the gate that carries and b what the rest of the step passes on; ā, b̄ are means, A = E[a²], D = E[a b], and
B σ² the mean square of all that comes through W_R. With s = σ p, growing by g per step, the correlations
c_n = ⟨δ_{t+n} δ_t⟩ and r_n = ⟨η_{t+n} δ_t⟩ follow

    (2)  g c_{n+1} = ā c_n + b̄ r_n,       g r_{n-1} = ā r_n + b̄ s² c_n

whose solution that dies out has r_0 = κ c_0, κ = (g μ - ā) / b̄, where μ + 1/μ = ā/g + g/ā - b̄² s² / (ā g); and

    (3)  g² = A + σ² B + 2 D κ(g)

gives the rate, ln g. It is never below ln(ā + b̄ s), the edge of the disk in which the eigenvalues of the mean Jacobian lie; at rest,
without inputs, it is that. The variance of the state follows from (2) and (3) with g = 1.
"""

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from bptt.arrays import Array, as_choice, as_number
from bptt.cells.activations import logistic
from bptt.errors import OptionError

CELLS = ("gru", "lstm")
LEAST = 1e-12  # of a variance
HALVINGS = 44
MOST_GAIN = 16.0


@cache
def standard(n: int) -> tuple[Array, Array]:
    """(n,) nodes and parts by which the mean over a standard Gaussian is a sum (Gauss and Hermite)."""
    x, part = np.polynomial.hermite_e.hermegauss(n)
    return x, part / part.sum()


XI, PART = standard(64)  # of what goes through tanh
GATE, SHARE = standard(32)  # of gates, which are smoother


@dataclass(frozen=True)
class GatedMeanField:
    """The stationary state of a gated layer.

    Attributes:
        variance: of the state that is carried: h of a GRU, c of an LSTM.
        rate: growth of a perturbation, and of an error signal carried back, ln per step.
        drive: variance of the z of a gate.
        through: what comes through W_R of a gate with the carried state, over the state's variance: E[(W_R h) s] / E[s²].
    """

    variance: float
    rate: float
    drive: float
    through: float


@dataclass(frozen=True)
class _Step:
    """Of equations (1) to (3): the means, and what the next variance would be but for what is correlated."""

    a: float
    A: float
    b: float
    D: float
    s: float
    rest: float
    through: float
    q: float


@lru_cache(4096)
def gated_mean_field(
    cell: str, gain: float, input_variance: float = 0.0, bias: float = 0.0
) -> GatedMeanField:
    """Equations (1) to (3).

    Args:
        cell: "lstm" or "gru" (PyTorch's).
        gain: σ.
        input_variance: σ_in², variance that W_F x adds to every z.
        bias: of an LSTM's forget gate, or a GRU's update gate; all others are 0.

    Raises:
        OptionError: if there is no such cell, or a number is out of range.

    >>> round(gated_mean_field("lstm", 1.0).rate, 4)    # at rest: ln(1/2 + 1/4)
    -0.2877
    """
    as_choice("cell", cell, CELLS)
    gain = as_number("gain", gain, f"[0, {MOST_GAIN:g}]", "Pass 0 or more.")
    variance = as_number("input_variance", input_variance, "[0, ∞)", "Pass 0 or more.")
    bias = as_number("bias", bias, cure="0 is no bias.")
    of = _gru if cell == "gru" else _lstm
    low, high = LEAST, 1.0 if cell == "gru" else 1e4
    for _ in range(HALVINGS):
        M = math.sqrt(low * high) if low < 1e-3 * high else (low + high) / 2
        step = of(M, gain, variance, bias)
        kappa = _kappa(1.0, step)
        if kappa is None or step.A * M + step.rest + 2 * step.D * kappa * M > M:
            low = M
        else:
            high = M
    step = of(M, gain, variance, bias)
    kappa = _kappa(1.0, step)
    return GatedMeanField(M, _rate(step), step.q, step.s if kappa is None else kappa)


@lru_cache(1024)
def gated_critical_gain(cell: str, input_variance: float = 0.0, bias: float = 0.0) -> float:
    """The gain at which the rate is 0.

    Args:
        cell: "lstm" or "gru".
        input_variance: σ_in².
        bias: of the gate that carries.

    Raises:
        OptionError: as ``gated_mean_field``, or if no gain up to 16 is critical.

    >>> round(gated_critical_gain("gru"), 3), round(gated_critical_gain("lstm", bias=1.0), 3)
    (2.0, 1.076)
    """

    def vanishes(gain: float) -> bool:
        # without inputs, just beyond the critical gain, the rate is 0 to rounding
        return gated_mean_field(cell, gain, input_variance, bias).rate < -1e-9

    low, high = 0.0, 1.0
    while vanishes(high):
        low, high = high, 1.5 * high
        if high > MOST_GAIN:
            raise OptionError(
                "input_variance, bias", f"some with a critical gain up to {MOST_GAIN:g}",
                f"{input_variance}, {bias}", "Take smaller ones.",
            )  # fmt: skip
    while high - low > 1e-5 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if vanishes(middle) else (low, middle)
    return high


def _kappa(g: float, step: _Step) -> float | None:
    """κ of (2); None inside the disk, where no solution dies out."""
    a, coupling = step.a, step.b * step.s
    both = a / g + g / a - coupling * coupling / (a * g)
    if both < 2:
        return None
    if step.b == 0:
        return 0.0
    return (g * (both / 2 - math.sqrt(both * both / 4 - 1)) - a) / step.b


def _rate(step: _Step) -> float:
    """ln g of (3), by halving."""

    def above(g: float) -> bool:
        kappa = _kappa(g, step)
        return g * g > step.A + step.through + 2 * step.D * (step.s if kappa is None else kappa)

    edge = step.a + step.b * step.s
    low, high = edge * (1 + 1e-12), edge + 1
    if above(low):
        return math.log(edge)
    while not above(high):
        high *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return math.log(low)


def _gru(M: float, gain: float, variance: float, bias: float) -> _Step:
    """h' = (1 - z) n + z h,  n = tanh(u + r v)."""
    sM = gain * gain * M
    z, r = _logistic(bias, sM + variance), _logistic(0.0, sM + variance)
    of_n = np.maximum(variance + r * r * sM, 1e-300)  # u + r v, for every r
    y = np.sqrt(of_n)[:, None] * XI
    n = np.tanh(y)
    slope = 1 - n * n
    square, mean_slope, fourth = (part @ PART for part in (n * n, slope, slope * slope))
    slope_r, slope_z = r * (1 - r), z * (1 - z)
    v = (r * sM / of_n) ** 2 * (slope * slope * y * y @ PART) + sM * variance / of_n * fourth
    a, A = float(SHARE @ z), float(SHARE @ (z * z))
    beta = float(SHARE @ (r * mean_slope))
    n2, closed = float(SHARE @ square), 1 - 2 * a + A
    b, D = (1 - a) * beta, (a - A) * beta
    step = _Step(a, A, b, D, gain, closed * n2, 0.0, sM + variance)
    kappa = _kappa(1.0, step)
    apart = n2 + M - 2 * beta * (gain if kappa is None else kappa) * M  # E[(n - h)²]
    B = (
        closed * float(SHARE @ (r * r * fourth + slope_r**2 * v))
        + float(SHARE @ slope_z**2) * apart
    )
    return replace(step, through=gain * gain * B)


def _lstm(M: float, gain: float, variance: float, bias: float) -> _Step:
    """c' = f c + i g,  h = o tanh(c)."""
    c = np.tanh(math.sqrt(M) * XI)
    squeezed, opened, fourth = (float(PART @ part) for part in (c * c, 1 - c * c, (1 - c * c) ** 2))
    of_h, before = 0.3 * squeezed, 0.0
    while abs(of_h - before) > 1e-13 * of_h:  # o² moves little: each round gains a digit or more
        q = gain * gain * of_h + variance
        o2 = float(SHARE @ _logistic(0.0, q) ** 2)
        before, of_h = of_h, o2 * squeezed
    f, i, g = _logistic(bias, q), _logistic(0.0, q), np.tanh(math.sqrt(q) * XI)
    i_mean, i2, g2 = float(SHARE @ i), float(SHARE @ (i * i)), float(PART @ (g * g))
    slope, slope2 = float(PART @ (1 - g * g)), float(PART @ (1 - g * g) ** 2)
    gates = float(SHARE @ (i * (1 - i)) ** 2)
    a, A = float(SHARE @ f), float(SHARE @ (f * f))
    B = i2 * slope2 + gates * g2 + M * float(SHARE @ (f * (1 - f)) ** 2)
    of_o = min(gain * gain * gates * squeezed, 0.99)  # of δh, what comes through o's own weights
    through = gain * gain * B * o2 * fourth / (1 - of_o)
    s = gain * i_mean * opened
    return _Step(a, A, i_mean * slope, a * i_mean * slope, s, i2 * g2, through, q)


def _logistic(mean: float, variance: float) -> Array:
    """Of a Gaussian, at the nodes."""
    return logistic(mean + math.sqrt(variance) * GATE)
