r"""Gradient flossing: Lyapunov exponents brought towards zero before training (Engelken 2023, NeurIPS).

    (1)  P_t = W_R Q_{t-1},  A_t = φ′(z_t) ⊙ P_t = Q_t R_t       the tangent map diag(φ′(z_t)) W_R, and a QR
    (2)  λ_i = mean_t ln |R_t,ii|                                  over steps and sequences
    (3)  L   = Σ_i λ_i²                                            over the leading ``count`` exponents

Zero exponents mean that a perturbation, and so the gradient, neither grows nor shrinks on its way. L is
differentiated exactly, in reverse. A bar is ∂L/∂ its letter; copyltu(M) is M with its lower triangle copied
to the upper one (Walter & Lehmann 2018; Seeger et al. 2017):

    (4)  M = R R̄ᵀ - Q̄ᵀ Q,   Ā = [Q̄ + Q copyltu(M)] R^-ᵀ          through the QR
    (5)  P̄_t = φ′(z_t) ⊙ Ā_t,   Q̄_{t-1} = W_Rᵀ P̄_t               through the tangent map
    (6)  dz_t = φ″(z_t) ⊙ Σ_i (Ā_t ⊙ P_t)_i + φ′(z_t) ⊙ dz_{t+1} W_R   through the states: BPTT
    (7)  dW_R = Σ_t P̄_t Q_{t-1}ᵀ + dz_tᵀ h_{t-1},   dW_F = Σ_t dz_tᵀ x_t,   db = Σ_t dz_t
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array, as_whole
from bptt.errors import NonFiniteError, OptionError
from bptt.layers import RNN
from bptt.layers.parameters import Parameters
from bptt.optimisers import Adam


@dataclass(frozen=True, eq=False)
class FlossProgress:
    """Where flossing stands after some updates.

    Attributes:
        done: weight updates so far.
        loss: L, the sum of squares of the exponents.
        exponents: (count,) ln per step.
    """

    done: int
    loss: float
    exponents: Array


def lyapunov_loss(
    layer: Parameters, x: Any, count: int, h0: Any = None, skip: int | None = None
) -> tuple[float, Array, dict[str, Array]]:
    """L, the exponents in it, and the exact gradient of L.

    The tangent vectors are carried forward with the states; ``bptt.lyapunov`` carries errors back. Over many
    steps both give the same exponents. The first directions Q_0 are drawn with seed 0.

    Args:
        layer: a plain RNN; piecewise linear activations have φ″ = 0.
        x: (T, B, I) inputs that drive it.
        count: how many exponents, the leading ones, from 1 to H.
        h0: (B, H) initial state; zeros if not given.
        skip: steps for the tangent vectors to turn into their directions, not counted in (2); None is a
            tenth, at most 200.

    Returns:
        L; the exponents (count,) in ln per step, in the order of the QR, for many steps the largest first;
        and dW_F, dW_R and db by those names, in the layer's type.

    Raises:
        OptionError: if the layer is gated, its activation a pair of functions, or count or skip out of range.
        ShapeError, DTypeError, NonFiniteError: if x or h0 do not fit the layer.
        NonFiniteError: if fewer than ``count`` directions survive, units being dead or saturated; or the
            gradient of L itself grows beyond the type, the layer being chaotic.

    >>> import numpy as np, bptt
    >>> from bptt.regularisers.flossing import lyapunov_loss
    >>> layer = bptt.RNN([[1.0]], [[0.5]], [0.0], "identity")
    >>> L, exponents, grads = lyapunov_loss(layer, np.ones((20, 1, 1)), count=1)
    >>> f"{L:.4f} {exponents[0]:.4f}"  # (ln w)² and ln w
    '0.4805 -0.6931'
    >>> f"{grads['dW_R'][0, 0]:.4f}"  # 2 ln w / w
    '-2.7726'
    """
    layer = _plain(layer)
    H = layer.hidden
    count = as_whole("count", count, 1, H, f"Pass at most {H}, the number of units.")
    trace = layer.forward(x, h0)
    T, B, _ = trace.x.shape
    skip = min(200, T // 10) if skip is None else skip
    skip = as_whole("skip", skip, 0, T - 1, "Skip fewer steps, or pass longer sequences.")
    # In float64: R^-ᵀ in (4) would magnify what float32 rounds off.
    z, h, inputs, W_R = (a.astype(np.float64) for a in (trace.z, trace.h, trace.x, layer.W_R))
    slope = layer.phi.derivative(z, h[1:])
    P, Q, R = _carried(W_R, slope, count)
    with np.errstate(divide="ignore"):
        exponents = np.log(np.abs(np.diagonal(R[skip:], axis1=2, axis2=3))).mean((0, 1))
    if not np.isfinite(exponents).all():
        raise NonFiniteError(
            "count", f"{count} directions that survive every step",
            f"{np.isfinite(exponents).sum()}",
            "Units are dead or saturated: pass a smaller count, or start from other weights.",
        )  # fmt: skip
    weight = 2 * exponents / ((T - skip) * B)  # R R̄ᵀ of (4) on its diagonal
    dW_R, at_slope = _back(W_R, slope, P, Q, R, weight, skip)
    assert layer.phi.curvature is not None
    dz = layer.phi.curvature(z, h[1:], slope) * at_slope
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        for t in reversed(range(T - 1)):
            dz[t] += slope[t] * (dz[t + 1] @ W_R)
    flat = dz.reshape(T * B, H)
    grads = {
        "dW_F": flat.T @ inputs.reshape(T * B, -1),
        "dW_R": dW_R + flat.T @ h[:-1].reshape(T * B, H),
        "db": flat.sum(0),
    }
    with np.errstate(over="ignore"):
        grads = {name: g.astype(layer.dtype) for name, g in grads.items()}
    if not all(np.isfinite(g).all() for g in grads.values()):
        raise NonFiniteError(
            "x", f"a gradient of L within {layer.dtype}", f"an overflow over {T} steps",
            "The layer is chaotic: pass fewer steps, or scale W_R down.",
        )  # fmt: skip
    return float(np.square(exponents).sum()), exponents, grads


def floss(
    layer: Parameters,
    x: Any,
    *,
    count: int | None = None,
    updates: int = 100,
    lr: float = 3e-3,
    progress: Callable[[FlossProgress], None] | None = None,
) -> tuple[RNN, list[FlossProgress]]:
    """A copy of the layer with its leading exponents brought towards zero, by Adam on L.

    All three of W_F, W_R and b move, as in the paper. Inputs like those of training keep the units where
    training will have them.

    Args:
        layer: a plain RNN; it is not changed.
        x: (T, B, I) inputs that drive it.
        count: how many exponents; None is a tenth of the units, at least 1.
        updates: weight updates.
        lr: Adam's learning rate.
        progress: called before the first update and after every one.

    Returns:
        the layer, and where it stood before the first update and after every one, updates + 1 entries.

    Raises:
        OptionError: if updates or lr are not positive, or as ``lyapunov_loss``.
        ShapeError, DTypeError, NonFiniteError: as ``lyapunov_loss``.

    >>> import numpy as np, bptt
    >>> from bptt.regularisers.flossing import floss
    >>> x = np.random.default_rng(0).standard_normal((30, 2, 3))
    >>> layer = bptt.RNN.init(3, 20, rng=0, dtype="float64")
    >>> flossed, history = floss(layer, x, count=2, updates=60)
    >>> bool(history[-1].loss < 0.01 * history[0].loss)
    True
    """
    updates = as_whole("updates", updates, least=1)
    optimiser = Adam(lr)
    layer = _plain(layer).copy()
    count = max(1, layer.hidden // 10) if count is None else count
    history: list[FlossProgress] = []
    for n in range(updates + 1):
        L, exponents, grads = lyapunov_loss(layer, x, count)
        history.append(FlossProgress(n, L, exponents))
        if progress is not None:
            progress(history[-1])
        if n == updates:
            break
        by_parameter = {name.removeprefix("d"): g for name, g in grads.items()}
        optimiser.step(layer.parameters(), by_parameter, n + 1)
    return layer, history


def _plain(layer: Parameters) -> RNN:
    """The layer, if L is defined for it."""
    if not isinstance(layer, RNN):
        raise OptionError(
            "layer", "a plain RNN layer", repr(layer),
            "Flossing is written for the plain RNN; gates carry the gradient themselves.",
        )  # fmt: skip
    if layer.phi.curvature is None:
        raise OptionError(
            "layer", "an activation known by name", "a pair of functions",
            "The gradient of an exponent needs φ″, which a pair does not give.",
        )  # fmt: skip
    return layer


def _carried(W_R: Array, slope: Array, count: int) -> tuple[Array, Array, Array]:
    """Equation (1): P (T, B, H, n), Q (T+1, B, H, n) and R (T, B, n, n)."""
    T, B, H = slope.shape
    P, Q = np.empty((T, B, H, count)), np.empty((T + 1, B, H, count))
    R = np.empty((T, B, count, count))
    Q[0] = np.linalg.qr(np.random.default_rng(0).standard_normal((H, count)))[0]
    for t in range(T):
        np.matmul(W_R, Q[t], out=P[t])
        Q[t + 1], R[t] = np.linalg.qr(slope[t][..., None] * P[t])
    return P, Q, R


def _back(
    W_R: Array, slope: Array, P: Array, Q: Array, R: Array, weight: Array, skip: int
) -> tuple[Array, Array]:
    """Equations (4) and (5): the tangent map's part of dW_R (H, H), and ∂L/∂φ′ (T, B, H)."""
    dW_R, at_slope = np.zeros_like(W_R), np.empty_like(slope)
    Q_bar = np.zeros_like(Q[0])
    diagonal = np.arange(len(weight))
    for t in reversed(range(len(slope))):
        M = np.tril(-np.swapaxes(Q_bar, 1, 2) @ Q[t + 1])
        if t >= skip:
            M[:, diagonal, diagonal] += weight  # R R̄ᵀ is upper triangular: no more of it is copied
        M += np.swapaxes(np.tril(M, -1), 1, 2)
        A_bar = np.swapaxes(np.linalg.solve(R[t], np.swapaxes(Q_bar + Q[t + 1] @ M, 1, 2)), 1, 2)
        at_slope[t] = np.einsum("bhn,bhn->bh", A_bar, P[t])
        A_bar *= slope[t][..., None]  # now P̄
        dW_R += np.tensordot(A_bar, Q[t], ((0, 2), (0, 2)))
        Q_bar = W_R.T @ A_bar
    return dW_R, at_slope
