r"""A cell of one's own: the minimal gated unit (Zhou et al. 2016), its gate applied after W_R as in a GRU.

(1)  f = σ(W_Ff x_t + b_f + W_Rf h_{t-1})       a = W_Rn h_{t-1} + b_Rn
(2)  n = tanh(W_Fn x_t + b_n + (1 - f) ⊙ a)     h_t = (1 - f) ⊙ n + f ⊙ h_{t-1}
"""

import numpy as np

from bptt.cells import Cell
from bptt.cells.activations import logistic
from bptt.layers import Layer


def step(drive_t, prev, weights, saved_t, now):
    (h,), (b_Rn,), H = prev, weights.recurrent_biases, prev[0].shape[-1]
    f, n, a = (saved_t[..., j * H : (j + 1) * H] for j in range(3))
    recurrent = h @ weights.W_R.T
    f[...] = logistic(drive_t[..., :H] + recurrent[..., :H])
    a[...] = recurrent[..., H:] + b_Rn
    n[...] = np.tanh(drive_t[..., H:] + (1 - f) * a)
    now[0][...] = (1 - f) * n + f * h


def linearise(saved, prev, now, phi):
    H = prev[0].shape[-1]
    f, n, a = (saved[..., j * H : (j + 1) * H] for j in range(3))
    to_n = (1 - f) * (1 - n * n)
    to_f = f * (1 - f) * (prev[0] - n - to_n * a)
    return np.concatenate([to_f, to_n * (1 - f)], axis=-1), to_n, f


def vjp(d, derivatives, dz=None, carry=None):
    factors, _, f = derivatives
    dz = np.multiply(factors, np.concatenate([d, d], axis=-1), out=dz)
    return dz, np.multiply(d, f, out=carry)


def input_vjp(d, dz_R, derivatives):
    H = d.shape[-1]
    return np.concatenate([dz_R[..., :H], d * derivatives[1]], axis=-1)


def jvp(dz_F, dz_R, prev, derivatives):
    factors, to_n, f = (array[..., None] for array in derivatives)
    H = prev.shape[1]
    gate = factors[:, :H] * (dz_F[:, :H] + dz_R[:, :H])
    return gate + to_n * dz_F[:, H:] + factors[:, H:] * dz_R[:, H:] + f * prev


CELL = Cell(
    name="mgu",
    gates={"f": "forget", "n": "candidate"},
    saved=("f", "n", "a"),
    candidate="n",
    step=step,
    linearise=linearise,
    vjp=vjp,
    jvp=jvp,
    input_vjp=input_vjp,
    carry_gate="f",
    recurrent_biases=("n",),
)


class MinimalGatedUnit(Layer):
    cell = CELL
