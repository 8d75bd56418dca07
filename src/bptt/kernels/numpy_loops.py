r"""The loops over a sequence in NumPy: slow, obvious, and for every cell and activation.

    forward    state_t from state_{t-1}, for t = 1 .. T                        (Q1)
    backward   d_{t-1} = ∂⁺E/∂state_{t-1} + (error through W_R) + (carry),
               for t = T .. 1                                                   (Q2; Werbos 1990)

A state has one part (h) or two (h, c); errors of it lie side by side in one array, (..., H) or (..., 2H).
``compiled_loops`` has the same functions, compiled.
"""

from collections.abc import Callable, Sequence

import numpy as np

from bptt.arrays import Array
from bptt.cells import Derivatives, States, Weights
from bptt.kernels.one_hot import codes_of


def quiet() -> np.errstate:
    """What leaves the type is infinite without a warning, as in the compiled loops: who asked for it looks."""
    return np.errstate(over="ignore", invalid="ignore")


def affine(a: Array, M: Array, bias: Array | None = None, out: Array | None = None) -> Array:
    """A M + bias for rows a (..., K), M (K, N) and bias (N,).

    Args:
        a: (..., K) rows.
        M: (K, N).
        bias: (N,), or None.
        out: (..., N) to write into, or None.
    """
    # Two axes: with three, NumPy makes one small product per step.
    with quiet():
        rows = a.reshape(-1, a.shape[-1]) @ M
        if bias is not None:
            rows += bias
    rows = rows.reshape(*a.shape[:-1], M.shape[1])
    if out is None:
        return rows
    out[...] = rows
    return out


def outer(a: Array, b: Array, out: Array | None = None, sums: Array | None = None) -> Array:
    """Σ a ⊗ b over rows a (..., M) and b (..., N): (M, N); added to ``out`` where that is given.

    Args:
        a: (..., M) rows.
        b: (..., N) as many rows.
        out: (M, N) to add to, or None.
        sums: (M,) to which Σ a is added, or None.
    """
    with quiet():
        if sums is not None:
            sums += a.reshape(-1, a.shape[-1]).sum(0)
        product = a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])
        if out is None:
            return np.asarray(product)
        out += product
    return out


def outer_in_double(a: Array, b: Array) -> tuple[Array, float]:
    """``outer`` in float64, and the largest of its numbers without their signs; NaN or infinite where one is.

    Args:
        a: (..., M) rows.
        b: (..., N) as many rows.
    """
    product = outer(a, b).astype(np.float64)
    return product, max(float(product.max()), -float(product.min()))


def squares_of_sums(a: Array, b: Array) -> tuple[Array, Array]:
    """‖Σ_n a_n ⊗ b_n‖² of each sequence, by the products of all pairs of its rows: no matrix is formed.

    Beside it Σ_n ‖a_n‖ ‖b_n‖, which the size would be if nothing cancelled.

    Args:
        a: (N, B, M) rows of B sequences.
        b: (N, B, K) as many.

    Returns:
        (B,) and (B,) float64.
    """
    a, b = (np.swapaxes(rows, 0, 1) for rows in (a, b))
    products = [(rows @ np.swapaxes(rows, 1, 2)).astype(np.float64) for rows in (a, b)]
    sizes = [np.sqrt(np.diagonal(by, axis1=1, axis2=2)) for by in products]
    return (products[0] * products[1]).sum((1, 2)), (sizes[0] * sizes[1]).sum(1)


def product(M: Array, rows: int) -> Callable[[Array], Array]:
    """a ↦ a M, for the same M again and again.

    Args:
        M: (K, N).
        rows: how many rows a has, about.
    """
    return lambda a: affine(a, M)


def look_up(table: Array, codes: Array, out: Array) -> None:
    """The row of each symbol, written to ``out``.

    Args:
        table: (I, N) a row per symbol.
        codes: (T, B) int64 symbols.
        out: (T, B, N).
    """
    out[...] = table[codes]


def drive_by_symbol(weights: Weights, codes: Array) -> tuple[Array, Array]:
    """(I, G·H) W_F x + b of each symbol, and where in it each of ``codes`` stands; of few codes theirs alone."""
    if weights.W_F.shape[1] <= codes.size:
        return weights.W_F.T + weights.b, codes
    symbols, places = np.unique(codes, return_inverse=True)
    return weights.W_F.T[symbols] + weights.b, places.reshape(codes.shape)


def add_up(rows: Array, codes: Array, size: int) -> Array:
    """(size, N) for each symbol the sum of its rows.

    Args:
        rows: (T, B, N).
        codes: (T, B) int64 symbols.
        size: how many symbols there are.
    """
    out = np.zeros((size, rows.shape[-1]), rows.dtype)
    np.add.at(out, codes, rows)
    return out


def forward(weights: Weights, x: Array, state0: States, keep: Array | None) -> tuple[Array, States]:
    """States over a sequence.

    Args:
        weights: of the layer, with its cell.
        x: (T, B, I) inputs.
        state0: (h0,) or (h0, c0), each (B, H).
        keep: (T, B) False where a step starts from zero instead of the state before; None: nowhere.

    Returns:
        what ``linearised`` needs, (T, B, ·), and the states, each (T+1, B, H); ``[0]`` is the
        initial one, ``[t+1]`` belongs to ``x[t]``.
    """
    T, B, _ = x.shape
    cell, H = weights.cell, weights.W_R.shape[1]
    codes = codes_of(x)
    if codes is None:
        drive = affine(x, weights.W_F.T, weights.b)
    else:
        drive = np.empty((T, B, len(weights.W_F)), x.dtype)
        look_up(*drive_by_symbol(weights, codes), drive)
    saved = np.empty((T, B, len(cell.saved) * H), x.dtype)
    states = tuple(np.empty((T + 1, B, H), x.dtype) for _ in state0)
    for state, first in zip(states, state0, strict=True):
        state[0] = first
    for t in range(T):
        prev = tuple(state[t] for state in states)
        if keep is not None and not keep[t].all():
            prev = tuple(np.where(keep[t][:, None], state, 0) for state in prev)
        cell.step(drive[t], prev, weights, saved[t], tuple(state[t + 1] for state in states))
    return saved, states


def backward(
    weights: Weights,
    d: Array,
    saved: Array,
    states: States,
    keep: Array | None,
    carried: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Errors over a sequence.

    Args:
        weights: as for ``forward``.
        d: (T, B, S) immediate gradient ∂⁺E/∂state_t of every step; or (T, B, H), the other
            part being zero.
        saved: from ``forward``, of these steps.
        states: from ``forward``, each (T+1, B, H) from the one before these steps on.
        keep: as for ``forward``.
        carried: (B, S) what steps behind these send back; zero if there are none.

    Returns:
        errors at what W_R multiplies (T, B, G·H), at what W_F multiplies (the same array unless the cell
        has an ``input_vjp``), and at the initial state (B, S).
    """
    T, B, width = d.shape
    cell, W_R = weights.cell, weights.W_R
    H = W_R.shape[1]
    derivatives = linearised(weights, saved, states, keep)
    dz_R = np.empty((T, B, len(W_R)), d.dtype)
    dz_F = dz_R if cell.input_vjp is None else np.empty_like(dz_R)
    carried = np.zeros((B, len(cell.states) * H), d.dtype) if carried is None else carried.copy()
    with quiet():
        for t in reversed(range(T)):
            carried[:, :width] += d[t]
            of_step = tuple(array[t] for array in derivatives)
            error, carry = cell.vjp(carried, of_step)
            through = cell.back(error, of_step, W_R)
            dz_R[t] = error
            if cell.input_vjp is not None:
                dz_F[t] = cell.input_vjp(carried, error, of_step)
            if carry is None:
                carried = through
            else:
                carried = carry
                carried[:, :H] += through
            if keep is not None:
                carried[~keep[t]] = 0
    return dz_R, dz_F, carried


def linearised(weights: Weights, saved: Array, states: States, keep: Array | None) -> Derivatives:
    """The derivatives of every step; see ``Cell.linearise``.

    Args:
        weights: as for ``forward``.
        saved: from ``forward``, of these steps.
        states: from ``forward``, each (T+1, B, H) from the one before these steps on.
        keep: as for ``forward``.
    """
    prev = tuple(before(state, keep) for state in states)
    now = tuple(state[1:] for state in states)
    return tuple(weights.cell.linearise(saved, prev, now, weights.phi))


def before(state: Array, keep: Array | None) -> Array:
    """(T, B, H) what each step started from, of states (T+1, B, H): zero after a reset."""
    return state[:-1] if keep is None else np.where(keep[..., None], state[:-1], 0)


def bill(
    lags: Sequence[Array],
    W: Array,
    sums: Sequence[Array],
    to: Sequence[Array],
    first: Sequence[float],
    then: Sequence[float],
) -> list[tuple[float, ...]]:
    """Some lags more of the truncation bill, float64 matrices of one shape.

        S ← s S + g G     R ← r R - g′ G     N ← n N + n′ S     L ← l L + l′ R

    Args:
        lags: G of each.
        W: the whole gradient.
        sums: S, what a window keeps, Σ_j G_j; R, what it leaves out, W - S; N, K times what chunks of K steps keep;
            L, K times what they leave out.
        to: takes them as they are behind the last lag.
        first: s, g, r, g′, n, n′, l and l′ of the first lag, powers of two that bring each to its scale.
        then: those of the others.

    Returns:
        of each lag ⟨G, G⟩, ⟨G, W⟩, ⟨R, R⟩, ⟨S, S⟩, ⟨S, W⟩, ⟨L, L⟩, ⟨N, N⟩ and ⟨N, W⟩.
    """
    for array, before in zip(to, sums, strict=True):
        array[...] = before
    S, R, N, L = to
    found = []
    for k, G in enumerate(lags):
        by = then if k else first
        for total, own, of_part, part in ((S, 0, 1, G), (R, 2, -3, G), (N, 4, 5, S), (L, 6, 7, R)):
            total *= by[own]
            total += (by[of_part] if of_part > 0 else -by[-of_part]) * part
        pairs = ((G, G), (G, W), (R, R), (S, S), (S, W), (L, L), (N, N), (N, W))
        found.append(tuple(float(np.vdot(a, b)) for a, b in pairs))
    return found
