r"""The GRU as it was first published (Cho 2014): the reset gate stands before W_R. Gate order r, z, n.

    (1)  r = σ(W_Fr x_t + b_r + W_Rr h_{t-1})     z = σ(W_Fz x_t + b_z + W_Rz h_{t-1})
    (2)  n = tanh(W_Fn x_t + b_n + W_Rn (r ⊙ h_{t-1}))
    (3)  h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}

and back:

    (4)  dn = dh_t (1 - z) tanh′(·)               dz = dh_t (h_{t-1} - n) σ′(·)
    (5)  q = dn W_Rn                              dr = q h_{t-1} σ′(·)
    (6)  dh_{t-1} = [dr, dz] W_R + q ⊙ r + dh_t ⊙ z   (the carry)

The rows of the candidate in W_R multiply r ⊙ h, so their gradient is Σ dn ⊗ (r ⊙ h_{t-1}). Keras calls this form
reset_after=False, ONNX linear_before_reset=0. That of PyTorch is ``bptt.cells.gru``, where the slopes are explained.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import Activation, logistic
from bptt.cells.cell import Cell, Derivatives, States, Weights


def step(drive_t: Array, prev: States, weights: Weights, saved_t: Array, now: States) -> None:
    """Equations (1) to (3), into saved_t (B, 3H), r z n, and now (h_t,)."""
    (h_prev,), W_R = prev, weights.W_R
    H = h_prev.shape[-1]
    r, _, n = (saved_t[..., j * H : (j + 1) * H] for j in range(3))
    z = saved_t[..., H : 2 * H]
    saved_t[..., : 2 * H] = logistic(drive_t[..., : 2 * H] + h_prev @ W_R[: 2 * H].T)
    n[...] = np.tanh(drive_t[..., 2 * H :] + (r * h_prev) @ W_R[2 * H :].T)
    now[0][...] = n + z * (h_prev - n)


def linearise(saved: Array, prev: States, now: States, phi: Activation) -> Derivatives:
    """What (4) multiplies dh_t by, z before n; what (5) multiplies q by; r and z."""
    H = prev[0].shape[-1]
    r, z, n = (saved[..., j * H : (j + 1) * H] for j in range(3))
    factors = np.empty((*saved.shape[:-1], 2 * H), saved.dtype)
    np.multiply(prev[0] - n, z * (1 - z), out=factors[..., :H])
    np.multiply(1 - z, (1 - n) * (1 + n), out=factors[..., H:])
    return factors, prev[0] * (r * (1 - r)), r, z


def vjp(
    d: Array, derivatives: Derivatives, dz: Array | None = None, carry: Array | None = None
) -> tuple[Array, Array | None]:
    """Equation (4): [0, dz, dn] (..., 3H), dr being left to ``through``; and the carry dh_t ⊙ z (..., H)."""
    factors, _, _, z = derivatives
    H = d.shape[-1]
    dz = np.empty((*d.shape[:-1], 3 * H), d.dtype) if dz is None else dz
    dz[..., :H] = 0
    np.multiply(factors[..., :H], d, out=dz[..., H : 2 * H])
    np.multiply(factors[..., H:], d, out=dz[..., 2 * H :])
    return dz, np.multiply(d, z, out=carry)


def through(dz: Array, derivatives: Derivatives, W_R: Array, e: int) -> Array:
    """Equations (5) and (6) without the carry, over 2^e; dr is written into dz."""
    _, to_r, r, _ = derivatives
    H = r.shape[-1]
    q = _product(dz[..., 2 * H :], W_R[2 * H :])
    dr = q * to_r
    dz[..., :H] = np.ldexp(dr, e) if e else dr
    return np.asarray(_product(dz[..., : 2 * H], W_R[: 2 * H]) + q * r)


def jvp(dz_F: Array, dz_R: Array, prev: Array, derivatives: Derivatives) -> Array:
    """∂h_t of changes dz_F, dz_R (B, 3H, n) beside W_F and W_R, and prev (B, H, n) of the state."""
    factors, z = derivatives[0][..., None], derivatives[3][..., None]
    H = prev.shape[1]
    change = factors * (dz_F[:, H:] + dz_R[:, H:])
    return np.asarray(change[:, :H] + change[:, H:] + z * prev)


def onward(dz_F: Array, dz_R: Array, prev: Array, derivatives: Derivatives, W_R: Array) -> None:
    """A change of h_{t-1} through W_R, into dz_R: the candidate's also by way of r."""
    to_r, r = derivatives[1][..., None], derivatives[2][..., None]
    H = prev.shape[1]
    dz_R[:, : 2 * H] += W_R[: 2 * H] @ prev
    dz_R[:, 2 * H :] += W_R[2 * H :] @ (r * prev + to_r * (dz_F[:, :H] + dz_R[:, :H]))


def _product(rows: Array, W: Array) -> Array:
    # Two axes: with three, NumPy makes one small product per step.
    return np.asarray((rows.reshape(-1, rows.shape[-1]) @ W).reshape(*rows.shape[:-1], W.shape[1]))


CELL = Cell(
    name="cho_gru",
    gates={"r": "reset", "z": "update", "n": "candidate"},
    saved=("r", "z", "n"),
    candidate="n",
    step=step,
    linearise=linearise,
    vjp=vjp,
    jvp=jvp,
    carry_gate="z",
    scaled_by={"n": "r"},
    through=through,
    onward=onward,
)
