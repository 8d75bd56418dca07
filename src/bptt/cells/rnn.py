r"""The plain recurrent network, one step forward and one step back (the lecture's system).

    (1)  z_t  = W_F x_t + b + W_R h_{t-1}         h_t = φ(z_t)
    (2)  dz_t = dh_t ⊙ φ′(z_t)                    the error passes the activation
    (3)  dh_{t-1} = ∂⁺E/∂h_{t-1} + dz_t W_R       and then the recurrent weights

``bptt.cells.cell`` says what each function takes and gives.
"""

import numpy as np

from bptt.arrays import Array
from bptt.cells.activations import Activation
from bptt.cells.cell import Cell, Derivatives, States, Weights


def step(drive_t: Array, prev: States, weights: Weights, saved_t: Array, now: States) -> None:
    """Equation (1), into saved_t (z_t) and now (h_t,)."""
    np.matmul(prev[0], weights.W_R.T, out=saved_t)
    saved_t += drive_t
    now[0][...] = weights.phi.value(saved_t)


def linearise(saved: Array, prev: States, now: States, phi: Activation) -> Derivatives:
    """(φ′(z_t),)."""
    return (phi.derivative(saved, now[0]),)


def vjp(
    d: Array, derivatives: Derivatives, dz: Array | None = None, carry: Array | None = None
) -> tuple[Array, Array | None]:
    """Equation (2): the error dz_t at what W_R multiplies; nothing is carried past W_R."""
    return np.multiply(d, derivatives[0], out=dz), None


def jvp(dz_F: Array, dz_R: Array, prev: Array, derivatives: Derivatives) -> Array:
    """∂h_t of changes on the two sides of z_t."""
    return np.asarray(derivatives[0][..., None] * (dz_F + dz_R))


CELL = Cell(
    name="rnn",
    gates={"z": "unit"},
    saved=("z",),
    candidate="z",
    step=step,
    linearise=linearise,
    vjp=vjp,
    jvp=jvp,
    choose_phi=True,
)
