r"""Jacobians of the state, ∂s_t/∂s_{t-1}, and their products over many steps (Q11; Pascanu 2013, eq. 5).

The state s is h, or [h; c] of an LSTM. Row i of the Jacobian is the error that a unit error of s_t's entry
i leaves at s_{t-1}: the cell's own step back, applied to the identity.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bptt import kernels
from bptt.arrays import Array, as_whole
from bptt.cells import Derivatives
from bptt.cells.scales import LOG2, brought_to_one, slopes_apart, times_slopes, underflown
from bptt.layers import Trace
from bptt.layers.immediate import check_trace

# W_R whose largest entry is within 2^±ORDINARY is taken as it is: the room of the rows has place for its products.
ORDINARY = 16

STEPS = 32  # whose derivatives are made at once

# Binary orders that rows are lifted by, so that products with denormal factors keep their digits.
ROOM = {np.dtype(np.float32): 60, np.dtype(np.float64): 300}


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


class RowsBack:
    """Carries rows of errors one step back, each over a power of two of its own.

    Slopes may underflow, gates be denormal and weights be of any size: no row is lost that the numbers of the trace hold.

    Args:
        trace: from a layer's ``forward``.
        n: how many rows there are of each sequence.
    """

    def __init__(self, trace: Trace, n: int) -> None:
        self.trace, W_R = trace, trace.weights.W_R
        e = int(np.frexp(np.abs(W_R).max())[1])
        self.e_weights = e if abs(e) > ORDINARY else 0
        self.W_R = np.ldexp(W_R, -self.e_weights)
        self.sends = W_R.any(1)  # what W_R sends nothing back of must not set the scale of a row
        self.product = kernels.product(self.W_R, trace.x.shape[1] * n)
        self.stretch: tuple[int, Derivatives] | None = None  # the first step of some, and theirs

    def _derivatives(self, t: int) -> Derivatives:
        """Those of a step, (1, B, ·): made for some at a time."""
        if self.stretch is None or not 0 <= t - self.stretch[0] < len(self.stretch[1][0]):
            first = max(0, t + 1 - STEPS)
            self.stretch = first, self.trace.linearised(first, t + 1)
        first, stretch = self.stretch
        return tuple(array[t - first : t - first + 1] for array in stretch)

    def __call__(self, V: Array, t: int) -> tuple[Array, Array]:
        """Errors of s_t as errors of s_{t-1}.

        Args:
            V: (B, n, S) n rows for each sequence, their largest entries about 1.
            t: the step, counted from 0.

        Returns:
            (B, n, S) rows with the largest entry of each between 1/2 and 1, or zero, and (B, n) their exponents.
        """
        trace, weights = self.trace, self.trace.weights
        H = trace.layer.hidden
        own = self._derivatives(t)
        carry, e = None, np.zeros(V.shape[:2], np.int64)
        if underflown(weights, own):
            slopes, e_slopes = slopes_apart(weights, trace.part(t, t + 1)[0], own)
            derivatives = _for_each_row((slopes[0] * self.sends,), V)
            dz, e = times_slopes(V, e, *derivatives, *_for_each_row((e_slopes,), V))
        else:
            derivatives = _for_each_row(own, V)
            # Denormal factors have few digits, and lose no more where what they multiply is large.
            lift = ROOM[V.dtype] - max(0, *(int(np.frexp(np.abs(array).max())[1]) for array in own))
            e -= lift
            dz, carry = weights.cell.vjp(np.ldexp(V, lift), derivatives)
        through = weights.cell.through  # where a gate scales the state before W_R, W_R acts twice
        raw = (
            self.product(dz)
            if through is None
            else through(dz, derivatives, self.W_R, self.e_weights)
        )
        if carry is None:
            back, e_back = brought_to_one(raw, e + self.e_weights)
        elif self.e_weights:
            back, e_back = _sum(raw, e + self.e_weights, carry, e)
        else:
            carry[..., :H] += raw
            back, e_back = brought_to_one(carry, e)
        if trace.keep is not None:
            back = back * trace.keep[t][:, None, None]
        return back, e_back


def _sum(raw: Array, e_raw: Array, carry: Array, e_carry: Array) -> tuple[Array, Array]:
    """Rows of h and rows of the whole state added up, though their scales may lie far apart."""
    back, e_back = brought_to_one(raw, e_raw)
    carry, e_carry = brought_to_one(carry, e_carry)
    has, carries = back.any(-1), carry.any(-1)
    top = np.where(has & carries, np.maximum(e_back, e_carry), np.where(has, e_back, e_carry))
    carry = np.ldexp(carry, (e_carry - top)[..., None])
    carry[..., : back.shape[-1]] += np.ldexp(back, (e_back - top)[..., None])
    return brought_to_one(carry, top)


def _for_each_row(derivatives: Derivatives, V: Array) -> Derivatives:
    """Every row of a sequence meets the same."""
    return tuple(np.repeat(array[0][:, None], V.shape[1], axis=1) for array in derivatives)


def errors_back(trace: Trace, V: Array, t: int) -> Array:
    """Rows of errors of s_t carried one step back, to s_{t-1}, as the type holds them.

    Args:
        trace: from a layer's ``forward``.
        V: (B, n, S) n rows for each sequence.
        t: the step, counted from 0.

    Returns:
        (B, n, S).
    """
    weights = trace.weights
    derivatives = _for_each_row(trace.linearised(t, t + 1), V)
    dz, carry = weights.cell.vjp(V, derivatives)
    through = weights.cell.back(dz, derivatives, weights.W_R)
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
    e, rows_back = np.zeros((B, S), np.int64), RowsBack(trace, S)
    for lag in range(1, k + 1):
        V, moved = rows_back(V, t - lag + 1)
        e, some = e + moved, V.any(-1)
        top = np.where(some, e, e.min()).max(1)
        yield lag, Product(np.ldexp(V, np.where(some, e - top[:, None], 0)[..., None]), top * LOG2)


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
