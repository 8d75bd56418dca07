r"""Can the network form what the task needs out of what lies far back? Its tangent features, tried on held-out data.

Near its weights θ a network is linear in them (neural tangent kernel: Jacot, Gabriel & Hongler 2018): what a training
can change at the states that the loss reads lies in the span of φ_i = ∂(v·h_i)/∂θ. The loss asks for a change e_i of
the state, the error that it sends there. Taken beyond the near lags, do the features of a sequence express it?

    R² of e by kernel ridge regression on K_ij = ⟨φ_i, φ_j⟩, each sequence predicted from the others

v are the leading directions of the errors: one for a number or two classes, C - 1 for C classes with a linear readout.
No target is read, so any loss will do. The features are never held whole: K is added up block of weights after block.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bptt.arrays import Array
from bptt.prognoses.drawn import Drawn
from bptt.prognoses.learner import Tangents

BLOCK = 1024 * 1024  # numbers of a block of features
DIRECTIONS = 3  # of the errors that are tried
LEAST = 0.1  # part of the errors that one behind the first must hold
Errors = tuple[Array, Array, Array, Array]  # (T, B, ·): dz_R, dz_F, h, x of one layer and group
# Of the ridge, relative to the mean eigenvalue; less would fit rounding errors.
STRENGTHS = 10.0 ** np.arange(-4, 6)


def form(groups: Sequence[Sequence[Drawn]], lag: int) -> float | None:
    """R² of what the loss asks for, by the tangent features of lags from ``lag`` on; None if nothing is asked for.

    Args:
        groups: per group of sequences the draws of the model's parts.
        lag: the smallest lag whose features count.
    """
    taken = [np.all([drawn.t >= 0 for drawn in parts], axis=0) for parts in groups]
    D = np.concatenate(
        [
            np.concatenate([drawn.D[kept] for drawn in parts], axis=1)
            for parts, kept in zip(groups, taken, strict=True)
        ]
    )
    return _by_kernel(D, lambda v: _kernel(groups, taken, v, lag))


def form_of(groups: Sequence[Sequence[Tangents]]) -> float | None:
    """The same of parts that give their features themselves.

    Args:
        groups: per group of sequences the parts of the model.
    """
    widths = {tuple(part.D.shape[1] for part in parts) for parts in groups}
    if len(widths) != 1:
        return None
    ends = np.cumsum(widths.pop())

    def kernel(v: Array) -> Array:
        pieces = np.split(v, ends[:-1])
        rows = [
            np.concatenate([p.features(own) for p, own in zip(parts, pieces, strict=True)], axis=1)
            for parts in groups
        ]
        F = np.concatenate(rows)
        largest = np.abs(F).max(initial=0.0)
        if not 0 < largest < np.inf:
            return np.zeros((len(F), len(F)))
        F /= largest
        F -= F.mean(0)
        return np.asarray((F @ F.T).astype(np.float64))

    return _by_kernel(
        np.concatenate([np.concatenate([part.D for part in parts], axis=1) for parts in groups]),
        kernel,
    )


def _by_kernel(D: Array, kernel: Callable[[Array], Array]) -> float | None:
    """R² of errors D (N, S) by the kernel of each of their leading directions."""
    D = D.astype(np.float64)
    largest = np.abs(D).max(initial=0.0)
    if len(D) < 8 or not largest > 0 or not np.isfinite(largest):
        return None
    D = D / largest
    rounding = len(D) * np.finfo(np.float64).eps * np.abs(D).max(0)
    D -= D.mean(0)
    # Of an entry that is the same for all sequences nothing is asked: no direction may point there, however little.
    asked = np.abs(D).max(0) > rounding
    if not asked.any():
        return None
    U, size, of_asked = np.linalg.svd(D[:, asked], full_matrices=False)
    V = np.zeros((len(size), D.shape[1]))
    V[:, asked] = of_asked
    share = size**2 / (size**2).sum()
    R2, held = 0.0, 0.0
    for r in range(min(DIRECTIONS, len(size))):
        if r and share[r] < LEAST:
            break
        K = kernel(V[r])
        R2 += share[r] * max(0.0, left_out(K, U[:, r] * size[r]))
        held += share[r]
    return float(R2 / held)


def _kernel(groups: Sequence[Sequence[Drawn]], taken: Sequence[Array], v: Array, lag: int) -> Array:
    """(N, N) the centred tangent kernel of v·h at the drawn steps, up to a factor; zero where no feature is left."""
    layers: list[list[Errors]] = []
    first = 0
    for number, drawn in enumerate(groups[0]):
        S = drawn.D.shape[1]
        own = v[first : first + S].astype(drawn.D.dtype)
        first += S
        of_groups = [
            _errors(parts[number], own, lag, kept)
            for parts, kept in zip(groups, taken, strict=True)
        ]
        layers += [list(layer) for layer in zip(*of_groups, strict=True)]
    N = int(sum(kept.sum() for kept in taken))
    K = np.zeros((N, N))
    # One factor for all layers, so that their squares neither overflow nor vanish.
    largest = max(np.abs(dz).max(initial=0.0) for layer in layers for e in layer for dz in e[:2])
    if 0 < largest < np.inf:
        for layer in layers:
            _add(K, layer, largest)
    return K


def _errors(drawn: Drawn, v: Array, lag: int, kept: Array) -> list[Errors]:
    """Per layer the errors at the weights that v at the drawn steps causes, from ``lag`` on."""
    steps, counted = drawn.between(lag, None)
    every = slice(None) if kept.all() else kept  # a view costs nothing

    def far(dz: Array) -> Array:
        part = dz[steps] if counted is None else dz[steps] * counted[..., None]
        return part[:, every]

    by_layer = []
    for at in drawn.at_weights(v):
        dz_R = far(at.dz_R)
        dz_F = dz_R if at.dz_F is at.dz_R else far(at.dz_F)
        by_layer.append((dz_R, dz_F, at.h[steps][:, every], at.x[steps][:, every]))
    return by_layer


def _add(K: Array, layer: Sequence[Errors], largest: float) -> None:
    """The part of one layer's weights, a block of rows of them at a time."""
    rows = layer[0][0].shape[-1]
    width = layer[0][2].shape[-1] + layer[0][3].shape[-1] + 1
    few = max(1, BLOCK // (len(K) * width))
    for first in range(0, rows, few):
        block = slice(first, min(first + few, rows))
        F = np.concatenate(list(_features(layer, block, largest)))
        # Before they are squared: what all sequences have in common would take the digits.
        F -= F.mean(0)
        K += (F @ F.T).astype(np.float64)


def _features(layer: Sequence[Errors], rows: slice, largest: float) -> Iterator[Array]:
    """(B, P) per group: the gradient of each sequence by some rows of W_R, W_F and b."""
    for dz_R, dz_F, h, x in layer:
        zR = _scaled(dz_R[..., rows], largest)
        zF = zR if dz_F is dz_R else _scaled(dz_F[..., rows], largest)
        B = len(zR)
        gR = np.matmul(zR, h.transpose(1, 0, 2)).reshape(B, -1)
        gF = np.matmul(zF, x.transpose(1, 0, 2)).reshape(B, -1)
        yield np.concatenate([gR, gF, zF.sum(2)], axis=1)


def _scaled(dz: Array, largest: float) -> Array:
    """(T, B, ·) errors over the largest, as (B, ·, T) in line."""
    turned = dz.transpose(1, 2, 0)
    scaled: Array = np.empty(turned.shape, dz.dtype)
    np.divide(turned, dz.dtype.type(largest), out=scaled)
    return scaled


def left_out(K: Array, y: Array) -> float:
    """R² of kernel ridge regression of y (N,) on a kernel (N, N), each left out in turn; the best of ten strengths."""
    N = len(y)
    y = y - y.mean()
    K = K - K.mean(0) - K.mean(1)[:, None] + K.mean()
    if not np.abs(K).max() > 0 or not np.isfinite(K).all():
        return 0.0
    w, U = np.linalg.eigh(K / np.abs(K).max())
    w = np.maximum(w, 0)
    along, squares = U.T @ y, U**2
    variance = float(((y * N / (N - 1)) ** 2).sum())
    best = -np.inf
    for strength in STRENGTHS:
        shrunk = w / (w + strength * w.sum() / N)
        leverage = squares @ shrunk + 1 / N
        miss = (y - U @ (shrunk * along)) / np.maximum(1 - leverage, 1e-6)
        best = max(best, 1 - float((miss**2).sum()) / variance)
    return best
