r"""The plain recurrent network, one step forward and one step back (the lecture's system).

    (1)  z_t  = W_F x_t + b + W_R h_{t-1}         h_t = φ(z_t)
    (2)  dz_t = dh_t ⊙ φ′(z_t)                    the error passes the activation
    (3)  dh_{t-1} = ∂⁺E/∂h_{t-1} + dz_t W_R       and then the recurrent weights

Rows are sequences, so a matrix acts from the right: W_R h is ``h @ W_R.T`` and the error's W_Rᵀ dz
is ``dz @ W_R``. W_F x_t + b does not depend on the past and comes in ready as ``drive_t``.

Every cell has the same five functions: ``step`` forward; ``local``, the derivatives of one step for all
steps at once; ``back``, the error of a state taken to what W_R multiplies; ``at_input``, the same error
at what W_F multiplies; and ``tangent``, a change of the past carried forward. What W_R does to the error
is the caller's: it is one matrix product for all rows.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import Activation

GATES = 1
STATES = 1  # how many vectors of H units the state has
TWO_ERRORS = False  # whether W_F sees another error than W_R
SAVED = 1  # how many such vectors a step saves for the way back: z

Local = tuple[Array, ...]


def step(
    drive_t: Array,
    prev: tuple[Array, ...],
    W_R: Array,
    phi: Activation,
    saved_t: Array,
    now: tuple[Array, ...],
) -> None:
    """Equation (1), into saved_t (z_t) and now (h_t,).

    Args:
        drive_t: (B, H) W_F x_t + b.
        prev: (h_{t-1},), (B, H).
        W_R: (H, H) recurrent weights.
        phi: the activation.
        saved_t: (B, H) takes z_t.
        now: ((B, H),) takes h_t.
    """
    np.matmul(prev[0], W_R.T, out=saved_t)
    saved_t += drive_t
    now[0][...] = phi.value(saved_t)


def local(saved: Array, prev: tuple[Array, ...], now: tuple[Array, ...], phi: Activation) -> Local:
    """(φ′(z_t),) for any steps: saved (..., H) and the states before and after them."""
    return (phi.derivative(saved, now[0]),)


def back(
    d: Array, local: Local, dz: Array | None = None, carry: Array | None = None
) -> tuple[Array, Array | None]:
    """Equation (2): the error dz_t at what W_R multiplies; nothing is carried past W_R.

    Args:
        d: (..., H) error of the state h_t.
        local: of the same steps.
        dz: (..., H) takes the result, if given.
        carry: not used by this cell.
    """
    return np.multiply(d, local[0], out=dz), None


def at_input(d: Array, dz_R: Array, local: Local) -> Array:
    """The error at what W_F multiplies: the same dz_t."""
    return dz_R


def tangent(dz_F: Array, dz_R: Array, prev: Array, local: Local) -> Array:
    """∂h_t of changes: dz_F, dz_R (..., H) on the two sides of z_t = (…W_F…) + (…W_R…)."""
    return np.asarray(local[0][..., None] * (dz_F + dz_R))
