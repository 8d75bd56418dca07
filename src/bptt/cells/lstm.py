r"""The LSTM (Hochreiter & Schmidhuber 1997; Gers 2000), in PyTorch's gate order i, f, g, o.

    (1)  z_t = W_F x_t + b + W_R h_{t-1}
    (2)  i, f, o = σ(z_i), σ(z_f), σ(z_o)         g = tanh(z_g)
    (3)  c_t = f ⊙ c_{t-1} + i ⊙ g                h_t = o ⊙ tanh(c_t)

and back, for the error [dh; dc] of the whole state:

    (4)  dc_t ← dc_t + dh_t ⊙ o ⊙ tanh′(c_t)
    (5)  dz_t = [dc_t g σ′(z_i), dc_t c_{t-1} σ′(z_f), dc_t i tanh′(z_g), dh_t tanh(c_t) σ′(z_o)]
    (6)  dh_{t-1} = dz_t W_R                      dc_{t-1} = dc_t ⊙ f   (the carry)

Slopes are taken from the gates, i(1 - i) and (1 - g)(1 + g), as the frameworks take them: where a gate rounds to 1
(z > 17 in float32, 37 in float64) its slope is 0.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import Activation, logistic
from bptt.cells.cell import Cell, Derivatives, States, Weights


def step(drive_t: Array, prev: States, weights: Weights, saved_t: Array, now: States) -> None:
    """Equations (1) to (3), into saved_t (B, 4H), the gates, and now (h_t, c_t)."""
    H = prev[0].shape[-1]
    np.matmul(prev[0], weights.W_R.T, out=saved_t)
    saved_t += drive_t
    i, f, g, o = (saved_t[..., j * H : (j + 1) * H] for j in range(4))
    saved_t[..., : 2 * H] = logistic(saved_t[..., : 2 * H])
    g[...] = np.tanh(g)
    o[...] = logistic(o)
    np.multiply(f, prev[1], out=now[1])
    now[1][...] += i * g
    np.multiply(o, np.tanh(now[1]), out=now[0])


def linearise(saved: Array, prev: States, now: States, phi: Activation) -> Derivatives:
    """What (4) to (6) multiply errors by: o tanh′(c), the four factors of (5), and f."""
    H = prev[0].shape[-1]
    i, f, g, o = (saved[..., j * H : (j + 1) * H] for j in range(4))
    tanh_c = np.tanh(now[1])
    factors = np.empty_like(saved)
    np.multiply(g, i * (1 - i), out=factors[..., :H])
    np.multiply(prev[1], f * (1 - f), out=factors[..., H : 2 * H])
    np.multiply(i, (1 - g) * (1 + g), out=factors[..., 2 * H : 3 * H])
    np.multiply(tanh_c, o * (1 - o), out=factors[..., 3 * H :])
    return o * ((1 - tanh_c) * (1 + tanh_c)), factors, f


def vjp(
    d: Array, derivatives: Derivatives, dz: Array | None = None, carry: Array | None = None
) -> tuple[Array, Array | None]:
    """Equations (4) to (6): dz_t (..., 4H), and the carry [0; dc_t ⊙ f] (..., 2H)."""
    to_cell, factors, f = derivatives
    H = f.shape[-1]
    dz = np.empty_like(factors) if dz is None else dz
    carry = np.empty_like(d) if carry is None else carry
    dh, dc = d[..., :H], carry[..., H:]
    np.multiply(dh, to_cell, out=dc)
    dc += d[..., H:]
    gates = (*d.shape[:-1], 3, H)
    np.multiply(
        factors[..., : 3 * H].reshape(gates), dc[..., None, :], out=dz[..., : 3 * H].reshape(gates)
    )
    np.multiply(factors[..., 3 * H :], dh, out=dz[..., 3 * H :])
    dc *= f
    carry[..., :H] = 0
    return dz, carry


def carried(d: Array, derivatives: Derivatives) -> Array:
    """dc_t of equation (4), which f multiplies."""
    to_cell = derivatives[0]
    H = to_cell.shape[-1]
    return np.asarray(d[..., H:] + d[..., :H] * to_cell)


def jvp(dz_F: Array, dz_R: Array, prev: Array, derivatives: Derivatives) -> Array:
    """∂[h_t; c_t] of changes dz_F + dz_R (B, 4H, n) of z_t and prev (B, 2H, n) of the state."""
    to_cell, factors, f = derivatives
    H = f.shape[-1]
    change = factors[..., None] * (dz_F + dz_R)
    i, f_part, g = (change[:, j * H : (j + 1) * H] for j in range(3))
    dc = f[..., None] * prev[:, H:] + i + f_part + g
    dh = to_cell[..., None] * dc + change[:, 3 * H :]
    return np.concatenate([dh, dc], axis=1)


CELL = Cell(
    name="lstm",
    gates={"i": "input", "f": "forget", "g": "candidate", "o": "output"},
    saved=("i", "f", "g", "o"),
    candidate="g",
    step=step,
    linearise=linearise,
    vjp=vjp,
    jvp=jvp,
    states=("h", "c"),
    carry_gate="f",
    carried=carried,
)
