r"""The plain recurrent network, one step forward and one step back (the lecture's system).

    (1)  z_t  = W_F x_t + b + W_R h_{t-1}         h_t = φ(z_t)
    (2)  dz_t = dh_t ⊙ φ′(z_t)                    the error passes the activation
    (3)  dh_{t-1} = ∂⁺E/∂h_{t-1} + dz_t W_R       and then the recurrent weights

Rows are sequences, so a matrix acts from the right: W_R h is ``h @ W_R.T`` and the error's W_Rᵀ dz
is ``dz @ W_R``. W_F x_t + b does not depend on the past and comes in ready as ``drive_t``.
The functions write into arrays they are given: a loop over time then allocates nothing.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import Activation

GATES = 1


def step(
    drive_t: Array, h_prev: Array, W_R: Array, phi: Activation, z_t: Array, h_t: Array
) -> None:
    """Equation (1), into z_t and h_t.

    Args:
        drive_t: (B, H) W_F x_t + b.
        h_prev: (B, H) state before the step.
        W_R: (H, H) recurrent weights.
        phi: the activation.
        z_t: (B, H) takes the pre-activation.
        h_t: (B, H) takes the state after the step.
    """
    np.matmul(h_prev, W_R.T, out=z_t)
    z_t += drive_t
    h_t[...] = phi.value(z_t)


def step_back(dh_t: Array, slope_t: Array, W_R: Array, dz_t: Array, dh_prev: Array) -> None:
    """Equations (2) and (3), into dz_t and dh_prev (without its immediate part).

    The axes before the last are free: one step for a batch, (B, H), or the same step of many
    loss steps at once, (N, B, H).

    Args:
        dh_t: (..., H) error at the state after the step.
        slope_t: (..., H) φ′(z_t).
        W_R: (H, H) recurrent weights.
        dz_t: (..., H) takes the error at the pre-activation.
        dh_prev: (..., H) takes dz_t W_R.
    """
    np.multiply(dh_t, slope_t, out=dz_t)
    np.matmul(dz_t, W_R, out=dh_prev)
