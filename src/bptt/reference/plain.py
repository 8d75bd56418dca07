r"""The textbook loops: slow, obviously right, and written twice on purpose.

Everything faster is tested against this file, so it imports nothing that it checks: it has
activations, losses and loops of its own, one sequence and one step at a time. The forward pass is
analytic, so a complex step through it gives derivatives to rounding (Squire & Trapp 1998).

    forward    for t: z_t = W_F x_t + W_R h_{t-1} + b, h_t = φ(z_t)
    by_lag     for t, for s = t, t-1 .. 1: the error of step t, carried back to step s, each term kept
               under its lag k = t - s; their sum is the gradient
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bptt.arrays import Array

Phi = Callable[[Array], Any]

# Of the complex step, and of one through huge weights; what rounding is to a loss of about 1.
STEP, SMALLER, ROUNDING = 1e-30, 1e-100, 1e-15


def _by_real_part(positive: Phi, negative: Phi) -> Phi:
    """A function in two pieces that meet at 0: which one is decided by the real part."""
    return lambda z: np.where(np.real(z) > 0, positive(z), negative(z))


# φ and φ′ in z alone, as a textbook gives them; φ takes complex z.
PHI: dict[str, tuple[Phi, Phi]] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (_by_real_part(lambda z: z, lambda z: 0 * z), lambda z: 1.0 * (z > 0)),
    "leaky_relu": (
        _by_real_part(lambda z: z, lambda z: 0.01 * z),
        lambda z: np.where(z > 0, 1.0, 0.01),
    ),
    "logistic": (
        lambda z: (1 + np.tanh(z / 2)) / 2,
        lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    ),
    "softsign": (
        _by_real_part(lambda z: z / (1 + z), lambda z: z / (1 - z)),
        lambda z: 1 / (1 + np.abs(z)) ** 2,
    ),
    "hard_tanh": (
        lambda z: np.where(np.abs(np.real(z)) < 1, z, np.sign(np.real(z))),
        lambda z: 1.0 * (np.abs(z) < 1),
    ),
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "scaled_tanh": (
        lambda z: 1.7159 * np.tanh(2 * z / 3),
        lambda z: 1.7159 * 2 / 3 * (1 - np.tanh(2 * z / 3) ** 2),
    ),
}


def forward(x: Array, h0: Array, W_F: Array, W_R: Array, b: Array, phi: Phi) -> Array:
    """h (T+1, B, H), real or complex.

    Args:
        x: (T, B, I) inputs.
        h0: (B, H) state before the first step.
        W_F: (H, I) input weights.
        W_R: (H, H) recurrent weights.
        b: (H,) bias.
        phi: the activation φ, of one unit or many.
    """
    T, B, _ = x.shape
    h = np.zeros((T + 1, B, len(b)), np.result_type(x, h0, W_F, W_R, b))
    h[0] = h0
    for n in range(B):
        for t in range(T):
            z_t = W_F @ x[t, n] + W_R @ h[t, n] + b
            h[t + 1, n] = phi(z_t)
    return h


def by_lag(
    x: Array, h0: Array, dh: Array, W_F: Array, W_R: Array, b: Array, phi: Phi, dphi: Phi
) -> dict[str, Array]:
    """The same by lag: (T, H, I), (T, H, H), (T, H); "h0" (T, B, H) by the number of steps.

    Args:
        x: (T, B, I) inputs.
        h0: (B, H) state before the first step.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t.
        W_F: (H, I) input weights.
        W_R: (H, H) recurrent weights.
        b: (H,) bias.
        phi: the activation φ.
        dphi: its derivative φ′, a function of z.
    """
    h = forward(x, h0, W_F, W_R, b, phi)
    T, B, H = dh.shape
    G = {
        "W_F": np.zeros((T, *W_F.shape)),
        "W_R": np.zeros((T, *W_R.shape)),
        "b": np.zeros((T, H)),
        "h0": np.zeros((T, B, H)),
    }
    for n in range(B):
        for t in range(T):
            error = dh[t, n]
            for s in range(t, -1, -1):
                z_s = W_F @ x[s, n] + W_R @ h[s, n] + b
                dz_s = error * dphi(z_s)
                G["W_F"][t - s] += np.outer(dz_s, x[s, n])
                G["W_R"][t - s] += np.outer(dz_s, h[s, n])
                G["b"][t - s] += dz_s
                error = W_R.T @ dz_s
            G["h0"][t, n] += error
    return G


def cross_entropy(o: Array, targets: Array) -> Any:
    """Mean over steps and sequences of -log softmax(o)[target]; o (N, B, O), real or complex."""
    E: Any = 0.0
    N, B, _ = o.shape
    for t in range(N):
        for n in range(B):
            shifted = o[t, n] - np.max(np.real(o[t, n]))
            E = E + np.log(np.sum(np.exp(shifted))) - shifted[targets[t, n]]
    return E / (N * B)


def mean_squared_error(o: Array, targets: Array) -> Any:
    """Mean over steps, sequences and outputs of (o - target)²; o (N, B, O), real or complex."""
    return np.sum((o - targets) ** 2) / o.size


LOSSES: dict[str, Callable[[Array, Array], Any]] = {
    "cross_entropy": cross_entropy,
    "mse": mean_squared_error,
}


def loss(
    parameters: dict[str, Array], x: Array, targets: Array, steps: Array, phi: Phi, loss: str
) -> Any:
    """E of the whole network, real or complex.

    Args:
        parameters: W_F, W_R, b, W_O, b_O and h0 by name.
        x: (T, B, I) inputs.
        targets: (N, B) class labels, or (N, B, O) numbers.
        steps: (N,) steps at which the loss is taken.
        phi: the activation φ.
        loss: "cross_entropy" or "mse".
    """
    p = parameters
    h = forward(x, p["h0"], p["W_F"], p["W_R"], p["b"], phi)
    o = np.stack([h[t + 1] @ p["W_O"].T + p["b_O"] for t in steps])
    return LOSSES[loss](o, targets)


def complex_step(f: Callable[[Array], Any], at: Array, index: tuple[int, ...]) -> float:
    """∂f/∂at[index] = Im f(at + iε) / ε, exact to rounding for an analytic f.

    Args:
        f: takes an array like ``at``, complex, and returns a number.
        at: where the derivative is taken, real.
        index: of the entry that moves.
    """

    def slope(step: float) -> float:
        moved = at.astype(complex)
        moved[index] += 1j * step
        return float(np.imag(f(moved)) / step)

    found = slope(STEP)
    # Where even so small a step moves f by more than rounding it is not small beside the weights.
    return found if abs(found) * STEP < ROUNDING else slope(SMALLER)
