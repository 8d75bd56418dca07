"""The whole Lyapunov spectrum of a layer, by its definition: the volumes that rows carried back through all Jacobians span.

The rows begin as the library's do. Exponent p is the mean ln of what the p-th row adds to the volume of those before it,
by the method of Gram and Schmidt (the library's are reflections), each projection taken off twice.
"""

import numpy as np

import bptt
from bptt.cells.scales import underflown
from fuzz.noise import answers
from fuzz.oracle import LONG, norms, step_back

LOST = (
    1e3  # units in the last place of a row's length: what is left of less than these has no digits
)


def spectrum(found, trace, part):
    """All exponents and their standard errors; where the type holds the leading ones alone, those."""
    if trace.lengths is not None:
        return
    n = S = trace.layer.state_size
    eps = np.finfo(part.W_R.dtype).eps
    for _ in range(2):
        kept = np.full(n, True)
        (exact, error), spread = answers(
            lambda noise, n=n, kept=kept: _answer(part, n, S, noise, kept), eps
        )
        if kept.all():
            break
        n = int(np.argmin(kept))  # those behind one that is lost are lost too
        if n == 0:
            return
    if not kept.all() or not np.isfinite(exact).all() or not (spread[0] < 0.01).all():
        return
    told, order = bptt.lyapunov(trace, n, skip=0), np.argsort(-exact, kind="stable")
    if np.isneginf(told.exponents).any() and underflown(trace.weights, trace.linearised()):
        return  # all that is left lies further below the rest of its row than the type reaches
    exact, error, worth = exact[order], error[order], spread[:, order] / eps + np.abs(exact).max()
    found.check("spectrum", told.exponents - exact, worth[0], eps, 4)
    if part.x.shape[0] * part.x.shape[1] > 1 and not (np.abs(np.diff(exact)) < 1e-3).any():
        # the errors of two exponents that are as large change places
        found.check("spectrum", told.stderr - error, worth[1] + error.max(), eps, 4)


def _answer(part, n, S, noise, kept):
    """The first n exponents and their standard errors: every step is a block, fewer than 20 are drawn."""
    each = _logs(part, n, S, noise, LOST * S * np.finfo(part.W_R.dtype).eps, kept).reshape(-1, n)
    with np.errstate(invalid="ignore"):
        error = each.std(0, ddof=1) / np.sqrt(LONG(len(each))) if len(each) > 1 else 0 * each[0]
    return np.stack([each.mean(0), error])


def _logs(part, n, S, noise, least, kept):
    """(T, B, n) ln of what each row added to the volume, the last step first; ``kept`` becomes False of what has no digits."""
    B = part.x.shape[1]
    V = np.random.default_rng(0).standard_normal((B, n, S)).astype(part.W_R.dtype).astype(LONG)
    V, _ = _apart(V.transpose(1, 0, 2), 0, np.ones(n, bool))
    logs = np.empty((len(part.x), B, n), LONG)
    W_R = part.W_R.astype(LONG)
    H = W_R.shape[1]
    for number, t in enumerate(reversed(range(len(part.x)))):
        moved = []
        for rows, exact, W in ((V, True, W_R), (np.abs(V), False, np.abs(W_R))):
            dz, _, carry, _ = step_back(part, t, rows, exact)
            back = np.zeros_like(rows) if carry is None else carry.copy()
            back[..., :H] += dz @ W
            moved.append(np.where(part.keep[t][None, :, None], back, 0))
        V = noise.on(
            moved[0], moved[1].max(-1, keepdims=True)
        )  # reflections keep a row's length, not its entries
        V, lengths = _apart(V, least, kept)
        with np.errstate(divide="ignore"):
            logs[number] = np.log(lengths)
        V = noise.on(V, np.abs(V).max(-1, keepdims=True))
    return logs


def _apart(V, least, kept):
    """(n, B, S) rows made orthonormal one after the other, and (B, n) what was left of each."""
    V, lengths = V.copy(), np.empty((V.shape[1], len(V)), LONG)
    for p in range(len(V)):
        before = norms(V[p])
        for _ in range(2):
            for q in range(p):
                V[p] -= (V[p] * V[q]).sum(-1, keepdims=True) * V[q]
        lengths[:, p] = left = norms(V[p])
        kept[p] &= bool((left > least * before).all() and (left > 0).all())
        V[p] /= np.where(left > 0, left, 1)[:, None]
    return V, lengths
