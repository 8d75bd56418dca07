r"""Jacobians of the state, ∂s_t/∂s_{t-1}, and their products over many steps (Q11; Pascanu 2013, eq. 5).

The state s is h, or [h; c] of an LSTM. Row i of the Jacobian is the error that a unit error of s_t's entry
i leaves at s_{t-1}: the cell's own step back, applied to the identity.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array, as_whole
from bptt.layers import Trace
from bptt.layers.immediate import check_trace


@dataclass(frozen=True, eq=False)
class Product:
    """∂s_t/∂s_{t-k}, with its scale kept apart.

    Attributes:
        matrix: (B, S, S) the product over e^log_scale.
        log_scale: (B,) ln.
    """

    matrix: Array
    log_scale: Array

    def log10_singular_values(self) -> Array:
        """(B, S) log10, largest first. Those 1e-15 below the largest are lost in rounding."""
        values = np.linalg.svd(self.matrix.astype(np.float64), compute_uv=False)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log10(values) + self.log_scale[:, None] / np.log(10))


def ordinary_weights(trace: Trace) -> tuple[Array, float]:
    """W_R over e^x and x, so that one step back stays within the type; x is 0 of ordinary weights, and beside a carry.

    Args:
        trace: from a layer's ``forward``.
    """
    W_R = trace.weights.W_R
    e = int(np.frexp(np.abs(W_R).max())[1])
    if trace.weights.cell.carry_gate is not None or abs(e) < 20:
        return W_R, 0.0
    return np.ldexp(W_R, -e), e * float(np.log(2.0))


def errors_back(trace: Trace, V: Array, t: int, W_R: Array | None = None) -> Array:
    """Rows of errors of s_t carried one step back, to s_{t-1}.

    Args:
        trace: from a layer's ``forward``.
        V: (B, n, S) n rows for each sequence.
        t: the step, counted from 0.
        W_R: in the place of the trace's own.

    Returns:
        (B, n, S).
    """
    weights, n = trace.weights, V.shape[1]
    # every row of a sequence meets the same derivatives
    derivatives = tuple(
        np.repeat(array[0][:, None], n, axis=1) for array in trace.linearised(t, t + 1)
    )
    dz, carry = weights.cell.vjp(V, derivatives)
    through = weights.cell.back(dz, derivatives, weights.W_R if W_R is None else W_R)
    if carry is None:
        back = through
    else:
        back = carry
        back[..., : trace.layer.hidden] += through
    return np.asarray(back if trace.keep is None else back * trace.keep[t][:, None, None])


def jacobian(trace: Trace, t: int) -> Array:
    """∂s_t/∂s_{t-1} at step t, counted from 0: (B, S, S), a row per entry of s_t.

    Raises:
        OptionError: if there is no such step.

    >>> import numpy as np, bptt
    >>> layer = bptt.RNN(np.eye(2), [[0.0, 2.0], [0.5, 0.0]], np.zeros(2), "identity")
    >>> bptt.dynamics.jacobian(layer.forward(np.ones((3, 1, 2))), t=2)[0]
    array([[0. , 2. ],
           [0.5, 0. ]])
    """
    t, _ = check_step(trace, t, 1)
    B, S = trace.x.shape[1], trace.layer.state_size
    unit = np.broadcast_to(np.eye(S, dtype=trace.layer.dtype), (B, S, S)).copy()
    return errors_back(trace, unit, t)


def jacobian_product(trace: Trace, t: int, k: int) -> Product:
    """∂s_t/∂s_{t-k}, the product of k Jacobians, for any k: no under- or overflow.

    Args:
        trace: from a layer's ``forward``.
        t: the step, counted from 0.
        k: how many steps back, from 1 to t + 1.

    Raises:
        OptionError: if there are not so many steps.
    """
    t, k = check_step(trace, t, k)
    return next(product for lag, product in products(trace, t, k) if lag == k)


def products(trace: Trace, t: int, k: int) -> Iterator[tuple[int, Product]]:
    """∂s_t/∂s_{t-j} for j = 1 .. k, with j, in one walk back.

    Args:
        trace: from a layer's ``forward``.
        t: the step, counted from 0.
        k: how many steps back at most.
    """
    B, S = trace.x.shape[1], trace.layer.state_size
    V = np.broadcast_to(np.eye(S, dtype=trace.layer.dtype), (B, S, S)).copy()
    W_R, each = ordinary_weights(trace)
    log_scale = np.zeros(B)
    for lag in range(1, k + 1):
        V = errors_back(trace, V, t - lag + 1, W_R)
        size = np.abs(V).max((1, 2))
        size = np.where(size > 0, size, 1)
        V = V / size[:, None, None]
        log_scale = log_scale + np.log(size)
        yield lag, Product(V, log_scale + lag * each)


def last_step(trace: Trace) -> int:
    """The last step that every sequence has, counted from 0."""
    check_trace(trace, Trace)
    return (len(trace.x) if trace.lengths is None else int(trace.lengths.min())) - 1


def check_step(trace: Trace, t: int, k: int) -> tuple[int, int]:
    """A step and a number of steps back from it.

    Raises:
        OptionError: if there is no such step, or not so many.
    """
    t = as_whole("t", t, least=0, most=last_step(trace), cure="Steps are counted from 0.")
    return t, as_whole("k", k, least=1, most=t + 1, cure="Take a later step t to go further back.")
