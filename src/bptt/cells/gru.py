r"""The GRU (Cho 2014), in PyTorch's form and gate order r, z, n.

    (1)  r = σ(W_Fr x_t + b_r + W_Rr h_{t-1})     z = σ(W_Fz x_t + b_z + W_Rz h_{t-1})
    (2)  a = W_Rn h_{t-1} + b_Rn                  n = tanh(W_Fn x_t + b_n + r ⊙ a)
    (3)  h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}

and back:

    (4)  dn = dh_t (1 - z) tanh′(·)               the error at the candidate's input
    (5)  dr = dn a σ′(·)                          dz = dh_t (h_{t-1} - n) σ′(·)
    (6)  dh_{t-1} = [dr, dz, dn ⊙ r] W_R + dh_t ⊙ z   (the carry)

The candidate keeps its recurrent bias b_Rn apart, because r multiplies it: what W_F sees is dn, what
W_R sees is dn ⊙ r. Slopes are taken from the gates, as the frameworks take them: see ``bptt.cells.lstm``.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import Activation, logistic
from bptt.cells.cell import Cell, Derivatives, States, Weights


def step(drive_t: Array, prev: States, weights: Weights, saved_t: Array, now: States) -> None:
    """Equations (1) to (3), into saved_t (B, 4H), r z n a, and now (h_t,)."""
    (h_prev,), (b_Rn,) = prev, weights.recurrent_biases
    H = h_prev.shape[-1]
    r, z, n, a = (saved_t[..., j * H : (j + 1) * H] for j in range(4))
    recurrent = h_prev @ weights.W_R.T
    saved_t[..., : 2 * H] = logistic(drive_t[..., : 2 * H] + recurrent[..., : 2 * H])
    np.add(recurrent[..., 2 * H :], b_Rn, out=a)
    n[...] = np.tanh(drive_t[..., 2 * H :] + r * a)
    now[0][...] = n + z * (h_prev - n)


def linearise(saved: Array, prev: States, now: States, phi: Activation) -> Derivatives:
    """What (4) to (6) multiply dh_t by: factors towards W_R, the candidate's towards W_F, and z."""
    H = prev[0].shape[-1]
    r, z, n, a = (saved[..., j * H : (j + 1) * H] for j in range(4))
    to_n = (1 - z) * ((1 - n) * (1 + n))
    factors = np.empty((*saved.shape[:-1], 3 * H), saved.dtype)
    np.multiply(to_n, a * r * (1 - r), out=factors[..., :H])
    np.multiply(prev[0] - n, z * (1 - z), out=factors[..., H : 2 * H])
    np.multiply(to_n, r, out=factors[..., 2 * H :])
    return factors, to_n, z


def vjp(
    d: Array, derivatives: Derivatives, dz: Array | None = None, carry: Array | None = None
) -> tuple[Array, Array | None]:
    """Equations (4) to (6): [dr, dz, dn ⊙ r] (..., 3H), and the carry dh_t ⊙ z (..., H)."""
    factors, _, z = derivatives
    dz = np.empty_like(factors) if dz is None else dz
    gates = (*d.shape[:-1], 3, d.shape[-1])
    np.multiply(factors.reshape(gates), d[..., None, :], out=dz.reshape(gates))
    return dz, np.multiply(d, z, out=carry)


def input_vjp(d: Array, dz_R: Array, derivatives: Derivatives) -> Array:
    """[dr, dz, dn]: the candidate's error before r."""
    dz = dz_R.copy()
    np.multiply(d, derivatives[1], out=dz[..., 2 * d.shape[-1] :])
    return dz


def jvp(dz_F: Array, dz_R: Array, prev: Array, derivatives: Derivatives) -> Array:
    """∂h_t of changes dz_F, dz_R (B, 3H, n) beside W_F and W_R, and prev (B, H, n) of the state."""
    factors, to_n, z = (array[..., None] for array in derivatives)
    H = prev.shape[1]
    gates = factors[:, : 2 * H] * (dz_F[:, : 2 * H] + dz_R[:, : 2 * H])
    candidate = to_n * dz_F[:, 2 * H :] + factors[:, 2 * H :] * dz_R[:, 2 * H :]
    return np.asarray(gates[:, :H] + gates[:, H:] + candidate + z * prev)


CELL = Cell(
    name="gru",
    gates={"r": "reset", "z": "update", "n": "candidate"},
    saved=("r", "z", "n", "a"),
    candidate="n",
    step=step,
    linearise=linearise,
    vjp=vjp,
    jvp=jvp,
    input_vjp=input_vjp,
    carry_gate="z",
    recurrent_biases=("n",),
)
