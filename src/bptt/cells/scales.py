r"""Rows of numbers over powers of two of their own, and slopes of an RNN beyond the range of the types.

tanh′(400) = 4 e^-800 is zero in float64, and an error that goes through it is not: each slope has an exponent of its own.
"""

import math

import numpy as np

from bptt.arrays import Array
from bptt.cells.cell import Derivatives, Weights

LOG2 = math.log(2.0)


def brought_to_one(D: Array, e: Array) -> tuple[Array, Array]:
    """The rows of D 2^e with the largest entry of each between 1/2 and 1, and their exponents; zeros stay.

    Args:
        D: (N, B, ·).
        e: (N, B) exponents.
    """
    size = np.frexp(np.abs(D).max(-1))[1]
    return np.ldexp(D, -size[..., None]), e + size


def slopes_apart(
    weights: Weights, saved: Array, derivatives: Derivatives
) -> tuple[Derivatives, Array]:
    """The slopes of an RNN over 2^e, e for each of them; those that underflowed are made again from z.

    Args:
        weights: of the layer.
        saved: (N, B, H) z.
        derivatives: (φ′(z),).
    """
    slopes, e = np.frexp(derivatives[0])
    apart = weights.phi.slope_apart
    lost = derivatives[0] < np.finfo(slopes.dtype).tiny
    if apart is not None and lost.any():
        e = e.astype(np.int64)
        slopes[lost], e[lost] = apart(saved[lost].astype(np.float64))
    return (slopes,), e.astype(np.int64)


def underflown(weights: Weights, derivatives: Derivatives) -> bool:
    """Whether slopes of an RNN are zero, or denormal, that should not be."""
    if not weights.cell.choose_phi or weights.phi.slope_apart is None:
        return False
    return bool(derivatives[0].min() < np.finfo(derivatives[0].dtype).tiny)


def times_slopes(D: Array, e: Array, slopes: Array, e_slopes: Array) -> tuple[Array, Array]:
    """The rows of D 2^e times slopes 2^e_slopes, at the largest exponent among the products of each."""
    D, own = np.frexp(D)
    product, each = D * slopes, own + e_slopes
    top = np.where(product != 0, each, -(2**60)).max(-1)
    top = np.where(top == -(2**60), 0, top)
    return np.ldexp(product, np.maximum(each - top[..., None], -5000)), e + top
