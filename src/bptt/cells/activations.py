r"""Activations φ and their derivatives φ′, by name or as a user's own pair.

    h = φ(z),   dz = dh ⊙ φ′(z)

Each derivative is given z and h = φ(z). Where φ saturates it is computed from z: 1 - h² would be 0 as soon
as h rounds to 1, and a signal of 1e-20 is a result here, not a zero.
γ = sup φ′ enters Pascanu's bounds: below 1 a step back can only shrink the error by the activation,
above 1 (the scaled tanh here) it can also grow.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError

# Exponents below -SMALLEST count as zero: whole numbers of 64 bits must hold their sums.
SMALLEST = 2.0**40

Pair = tuple[Callable[[Array], Any], Callable[[Array], Any]]


@dataclass(frozen=True)
class Activation:
    """One activation.

    Attributes:
        name: its name here, or "custom" for a user's own pair.
        value: z -> φ(z), elementwise.
        derivative: (z, h) -> φ′(z), elementwise.
        steepest: γ = sup φ′, dimensionless; None where it is not known (a user's own pair).
        curvature: (z, h, φ′(z)) -> φ″(z), elementwise; 0 at a kink, None where it is not known.
        slope_apart: z -> m, e with φ′(z) = m 2^e, elementwise and m about 1, where φ′ goes on beyond the range of the
            types; else None.
    """

    name: str
    value: Callable[[Array], Array]
    derivative: Callable[[Array, Array], Array]
    steepest: float | None
    curvature: Callable[[Array, Array, Array], Array] | None = None
    slope_apart: Callable[[Array], tuple[Array, Array]] | None = None


def logistic(z: Array) -> Array:
    """1 / (1 + e^-z)."""
    # exp of a negative number only: no overflow, and full relative accuracy in both tails.
    e = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, e) / (1 + e))


def _sech2(z: Array) -> Array:
    """tanh′ = 4 e^-2|z| / (1 + e^-2|z|)², to full relative accuracy in both tails."""
    e = np.abs(z)
    e *= -2
    np.exp(e, out=e)
    below = 1 + e
    below *= below
    e *= 4
    e /= below
    return np.asarray(e)


def _logistic_slope(z: Array, h: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.asarray(e / np.square(1 + e))


def _exp_apart(log: Array) -> tuple[Array, Array]:
    """e^log as m 2^e; zero below 2^-SMALLEST."""
    log2 = log / math.log(2.0)
    e = np.ceil(np.maximum(log2, -SMALLEST))
    m = np.where(log2 > -SMALLEST, np.exp2(np.maximum(log2 - e, -2)), 0)
    return m, e.astype(np.int64)


def _log_sech2(z: Array) -> Array:
    return np.asarray(np.log(4.0) - 2 * np.abs(z) - 2 * np.log1p(np.exp(-2 * np.abs(z))))


def _log_logistic_slope(z: Array) -> Array:
    return np.asarray(-np.abs(z) - 2 * np.log1p(np.exp(-np.abs(z))))


def _softsign_slope_apart(z: Array) -> tuple[Array, Array]:
    """1 / (1 + |z|)²: its logarithm, a number of hundreds, would not have its last digits."""
    m, e = np.frexp(1 + np.abs(z))
    return np.square(1 / m), -2 * e.astype(np.int64)


# LeCun 1998, "Efficient BackProp": 1.7159 tanh(2z/3). Its slope at 0 is 1.1439, above one.
_A, _B = 1.7159, 2.0 / 3.0
_LEAK = 0.01


def _straight(z: Array, h: Array, slope: Array) -> Array:
    return np.zeros_like(z)


ACTIVATIONS: dict[str, Activation] = {
    a.name: a
    for a in (
        Activation("tanh", np.tanh, lambda z, h: _sech2(z), 1.0, lambda z, h, slope: -2 * h * slope,
                   lambda z: _exp_apart(_log_sech2(z))),
        Activation("relu", lambda z: np.maximum(z, 0), lambda z, h: (h > 0).astype(h.dtype), 1.0, _straight),
        Activation(
            "leaky_relu",
            lambda z: np.where(z > 0, z, z.dtype.type(_LEAK) * z),
            lambda z, h: np.where(h > 0, h.dtype.type(1), h.dtype.type(_LEAK)),
            1.0,
            _straight,
        ),
        Activation("logistic", logistic, _logistic_slope, 0.25, lambda z, h, slope: (1 - 2 * h) * slope,
                   lambda z: _exp_apart(_log_logistic_slope(z))),
        Activation(
            "softsign",
            lambda z: z / (1 + np.abs(z)),
            lambda z, h: np.square(1 / (1 + np.abs(z))),
            1.0,
            lambda z, h, slope: -2 * np.sign(z) * slope / (1 + np.abs(z)),
            _softsign_slope_apart,
        ),
        Activation(
            "hard_tanh",
            lambda z: np.clip(z, -1, 1),
            lambda z, h: (np.abs(h) < 1).astype(h.dtype),
            1.0,
            _straight,
        ),
        Activation("identity", lambda z: z.copy(), lambda z, h: np.ones_like(h), 1.0, _straight),
        Activation(
            "scaled_tanh",
            lambda z: _A * np.tanh(_B * z),
            lambda z, h: _A * _B * _sech2(_B * z),
            _A * _B,
            lambda z, h, slope: -2 * _B / _A * h * slope,
            lambda z: _exp_apart(np.log(_A * _B) + _log_sech2(_B * z)),
        ),
    )
}  # fmt: skip
ALIASES = {"sigmoid": "logistic", "linear": "identity", "hardtanh": "hard_tanh"}


def activation(choice: "str | Pair | Activation") -> Activation:
    """The activation of that name, or one made of a pair of functions (φ, φ′) of z.

    Args:
        choice: a name from ``ACTIVATIONS`` (or its alias "sigmoid", "linear", "hardtanh"), or a
            pair of functions that take z, an array of any shape, and return one of that shape.

    Raises:
        OptionError: if the name is unknown, or the pair is not two functions that keep the shape.
    """
    if isinstance(choice, Activation):
        return choice
    if isinstance(choice, str):
        name = ALIASES.get(choice, choice)
        if name in ACTIVATIONS:
            return ACTIVATIONS[name]
        raise OptionError(
            "activation", "one of " + ", ".join(ACTIVATIONS), repr(choice),
            "Choose one; in Python a pair of functions (φ, φ′) is taken, too.",
        )  # fmt: skip
    if isinstance(choice, tuple) and len(choice) == 2 and all(map(callable, choice)):
        return _own_pair(*choice)
    raise OptionError(
        "activation", "a name or a pair of functions (φ, φ′)", repr(choice),
        "For example activation=(np.sin, np.cos).",
    )  # fmt: skip


def _own_pair(phi: Callable[[Array], Any], dphi: Callable[[Array], Any]) -> Activation:
    probe = np.linspace(-2, 2, 5).reshape(5, 1)
    for label, f in (("φ", phi), ("φ′", dphi)):
        shape = np.shape(f(probe))
        if shape != probe.shape:
            raise OptionError(
                "activation", f"{label} to keep the shape of z, (5, 1)", f"shape {shape}",
                "Write it elementwise, with NumPy functions.",
            )  # fmt: skip

    # A pair may compute in float64 whatever comes in; the layer's own type is kept.
    def value(z: Array) -> Array:
        return np.asarray(phi(z)).astype(z.dtype, copy=False)

    def derivative(z: Array, h: Array) -> Array:
        return np.asarray(dphi(z)).astype(z.dtype, copy=False)

    return Activation("custom", value, derivative, None)
