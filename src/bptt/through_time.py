r"""Forward and backward over a whole sequence. Which loop runs is decided in this file alone.

    forward    state_t from state_{t-1}, for t = 1 .. T                        (Q1)
    backward   d_{t-1} = ∂⁺E/∂state_{t-1} + (error through W_R) + (carry),
               for t = T .. 1                                                   (Q2; Werbos 1990)

Arrays in, arrays out: what the layers are made of, and a compiled loop can stand in for. A state has one
part (h) or two (h, c); errors of it lie side by side in one array, (..., H) or (..., 2H).
"""

from types import ModuleType
from typing import Any

import numpy as np

from bptt.arrays import Array


def forward(
    cell: ModuleType,
    drive: Array,
    state0: tuple[Array, ...],
    W_R: Array,
    extra: Any,
    keep: Array | None,
) -> tuple[Array, tuple[Array, ...]]:
    """States over a sequence.

    Args:
        cell: ``cells.rnn``, ``cells.lstm`` or ``cells.gru``.
        drive: (T, B, G·H) W_F x_t + b for every step.
        state0: (h0,) or (h0, c0), each (B, H).
        W_R: (G·H, H) recurrent weights.
        extra: the RNN's activation, the GRU's b_Rn, None for the LSTM.
        keep: (T, B) False where a step starts from zero instead of the state before; None: nowhere.

    Returns:
        what ``cell.local`` needs, (T, B, ·), and the states, each (T+1, B, H); ``[0]`` is the
        initial one, ``[t+1]`` belongs to ``drive[t]``.
    """
    T, B, _ = drive.shape
    H = W_R.shape[1]
    saved = np.empty((T, B, cell.SAVED * H), drive.dtype)
    states = tuple(np.empty((T + 1, B, H), drive.dtype) for _ in state0)
    for state, first in zip(states, state0, strict=True):
        state[0] = first
    for t in range(T):
        prev = tuple(state[t] for state in states)
        if keep is not None and not keep[t].all():
            prev = tuple(state * keep[t][:, None] for state in prev)
        cell.step(drive[t], prev, W_R, extra, saved[t], tuple(state[t + 1] for state in states))
    return saved, states


def backward(
    cell: ModuleType,
    d: Array,
    local: tuple[Array, ...],
    W_R: Array,
    keep: Array | None,
    carried: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Errors over a sequence.

    Args:
        cell: as for ``forward``.
        d: (T, B, S) immediate gradient ∂⁺E/∂state_t of every step.
        local: from ``cell.local`` for all steps.
        W_R: (G·H, H) recurrent weights.
        keep: as for ``forward``.
        carried: (B, S) what steps behind these send back; zero if there are none.

    Returns:
        errors at what W_R multiplies (T, B, G·H), at what W_F multiplies (the same array but for the
        GRU), and at the initial state (B, S).
    """
    T, B, _ = d.shape
    H = W_R.shape[1]
    dz_R = np.empty((T, B, len(W_R)), d.dtype)
    dz_F = np.empty_like(dz_R) if cell.TWO_ERRORS else dz_R
    carried = np.zeros_like(d[0]) if carried is None else carried.copy()
    for t in reversed(range(T)):
        carried += d[t]
        here = tuple(array[t] for array in local)
        error, carry = cell.back(carried, here)
        dz_R[t] = error
        if cell.TWO_ERRORS:
            dz_F[t] = cell.at_input(carried, error, here)
        if carry is None:
            np.matmul(error, W_R, out=carried)
        else:
            carried = carry
            carried[:, :H] += error @ W_R
        if keep is not None:
            carried *= keep[t][:, None]
    return dz_R, dz_F, carried
