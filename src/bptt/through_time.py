r"""Forward and backward over a whole sequence. Which loop runs is decided in this file alone.

    forward    z_t, h_t from h_{t-1}, for t = 1 .. T                     (Q1)
    backward   dz_t = (∂⁺E/∂h_t + dz_{t+1} W_R) ⊙ φ′(z_t), for t = T .. 1   (Q2; Werbos 1990)

Arrays in, arrays out: what the layers are made of, and a compiled loop can stand in for.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells import rnn
from bptt.cells.activations import Activation


def forward(drive: Array, h0: Array, W_R: Array, phi: Activation) -> tuple[Array, Array]:
    """States of a plain RNN over a sequence.

    Args:
        drive: (T, B, H) W_F x_t + b for every step.
        h0: (B, H) state before the first step.
        W_R: (H, H) recurrent weights.
        phi: the activation.

    Returns:
        z (T, B, H) and h (T+1, B, H), where ``h[0]`` is h0 and ``h[t+1]`` belongs to ``drive[t]``.
    """
    T, B, H = drive.shape
    z = np.empty_like(drive)
    h = np.empty((T + 1, B, H), drive.dtype)
    h[0] = h0
    for t in range(T):
        rnn.step(drive[t], h[t], W_R, phi, z[t], h[t + 1])
    return z, h


def backward(dh: Array, slope: Array, W_R: Array) -> tuple[Array, Array]:
    """Errors at the pre-activations of a plain RNN over a sequence.

    Args:
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t of every step.
        slope: (T, B, H) φ′(z_t).
        W_R: (H, H) recurrent weights.

    Returns:
        dz (T, B, H) and dh0 (B, H), the error at the initial state.
    """
    dz = np.empty_like(dh)
    carried = np.zeros_like(dh[0])
    for t in reversed(range(len(dh))):
        carried += dh[t]
        rnn.step_back(carried, slope[t], W_R, dz[t], carried)
    return dz, carried
