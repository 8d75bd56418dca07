r"""The GRU (Cho 2014), in PyTorch's form and gate order r, z, n.

    (1)  r = σ(W_Fr x_t + b_r + W_Rr h_{t-1})     z = σ(W_Fz x_t + b_z + W_Rz h_{t-1})
    (2)  a = W_Rn h_{t-1} + b_Rn                  n = tanh(W_Fn x_t + b_n + r ⊙ a)
    (3)  h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}

and back:

    (4)  dn = dh_t (1 - z) tanh′(·)               the error at the candidate's input
    (5)  dr = dn a σ′(·)                          dz = dh_t (h_{t-1} - n) σ′(·)
    (6)  dh_{t-1} = [dr, dz, dn ⊙ r] W_R + dh_t ⊙ z   (the carry)

The candidate keeps its recurrent bias b_Rn apart, because r multiplies it: what W_F sees is dn, what
W_R sees is dn ⊙ r. Slopes are taken from the gates, as the frameworks take them: see ``cells.lstm``.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import logistic
from bptt.cells.rnn import Local

GATES = 3
STATES = 1
TWO_ERRORS = True
SAVED = 4  # r, z, n, a


def step(
    drive_t: Array,
    prev: tuple[Array, ...],
    W_R: Array,
    b_Rn: Array,
    saved_t: Array,
    now: tuple[Array, ...],
) -> None:
    """Equations (1) to (3), into saved_t (B, 4H), r z n a, and now (h_t,)."""
    (h_prev,) = prev
    H = h_prev.shape[-1]
    r, z, n, a = (saved_t[..., j * H : (j + 1) * H] for j in range(4))
    recurrent = h_prev @ W_R.T
    saved_t[..., : 2 * H] = logistic(drive_t[..., : 2 * H] + recurrent[..., : 2 * H])
    np.add(recurrent[..., 2 * H :], b_Rn, out=a)
    n[...] = np.tanh(drive_t[..., 2 * H :] + r * a)
    now[0][...] = n + z * (h_prev - n)


def local(saved: Array, prev: tuple[Array, ...], now: tuple[Array, ...], b_Rn: Array) -> Local:
    """What (4) to (6) multiply dh_t by: factors towards W_R, the candidate's towards W_F, and z."""
    H = prev[0].shape[-1]
    r, z, n, a = (saved[..., j * H : (j + 1) * H] for j in range(4))
    to_n = (1 - z) * (1 - n * n)
    factors = np.empty((*saved.shape[:-1], 3 * H), saved.dtype)
    np.multiply(to_n, a * r * (1 - r), out=factors[..., :H])
    np.multiply(prev[0] - n, z * (1 - z), out=factors[..., H : 2 * H])
    np.multiply(to_n, r, out=factors[..., 2 * H :])
    return factors, to_n, z


def back(
    d: Array, local: Local, dz: Array | None = None, carry: Array | None = None
) -> tuple[Array, Array | None]:
    """Equations (4) to (6): [dr, dz, dn ⊙ r] (..., 3H), and the carry dh_t ⊙ z (..., H).

    Args:
        d: (..., H) error of the state h_t.
        local: of the same steps.
        dz: (..., 3H) takes the first result, if given.
        carry: (..., H) takes the second, if given.
    """
    factors, _, z = local
    dz = np.empty_like(factors) if dz is None else dz
    gates = (*d.shape[:-1], 3, d.shape[-1])
    np.multiply(factors.reshape(gates), d[..., None, :], out=dz.reshape(gates))
    return dz, np.multiply(d, z, out=carry)


def at_input(d: Array, dz_R: Array, local: Local) -> Array:
    """[dr, dz, dn]: the candidate's error before r."""
    dz = dz_R.copy()
    np.multiply(d, local[1], out=dz[..., 2 * d.shape[-1] :])
    return dz


def tangent(dz_F: Array, dz_R: Array, prev: Array, local: Local) -> Array:
    """∂h_t of changes dz_F, dz_R (B, 3H, n) beside W_F and W_R, and prev (B, H, n) of the state."""
    factors, to_n, z = (array[..., None] for array in local)
    H = prev.shape[1]
    gates = factors[:, : 2 * H] * (dz_F[:, : 2 * H] + dz_R[:, : 2 * H])
    candidate = to_n * dz_F[:, 2 * H :] + factors[:, 2 * H :] * dz_R[:, 2 * H :]
    return np.asarray(gates[:, :H] + gates[:, H:] + candidate + z * prev)
