"""Reach, agreement and form of one batch, by their definitions: a backward pass of every sequence by itself.

With one loss step t per sequence, what a weight does at step s lies t - s lags back. So one pass in 80 bits gives every part
of the gradient. What is made of them, the mean products of pairs of groups, their scatter with each group left out, ridge
regressions with each sequence left out, is written out as it is said.
"""

import numpy as np

import bptt
from bptt.errors import NonFiniteError
from bptt.layers.stack_errors import immediate_errors
from bptt.prognoses import Pass, measure_batch
from fuzz.draw import _array, _layer
from fuzz.oracle import LONG, backward, norm, step_back
from fuzz.parts import parts_of

GROUPS, FORM = 12, 64  # groups at most, and sequences that form is told from
REL = {"float32": 1e-5, "float64": 1e-14}  # of what is summed


def prognosis(found, rng):
    """A stack of one or two levels, one loss step for every sequence, and all that one batch tells."""
    dtype = str(rng.choice(["float32", "float64"]))
    T, I, H = int(rng.integers(4, 12)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    B = int(rng.integers(4, 30)) if rng.random() < 0.7 else FORM + int(rng.integers(4))
    layers = [_layer(rng, I, H, dtype, False)]
    if rng.random() < 0.5:
        layers.append(_layer(rng, H, int(rng.integers(1, 5)), dtype, False))
    stack = bptt.Stack(layers)
    try:
        trace = stack.forward(_array(rng, (T, B, I), 1.0, dtype))
    except NonFiniteError:
        return
    t = rng.integers(T // 2, T, B) if rng.random() < 0.5 else np.full(B, T - 1)
    dh = np.zeros((T, B, stack.outputs), dtype)
    dh[t, np.arange(B)] = _array(rng, (B, stack.outputs), float(10 ** rng.uniform(-4, 2)), dtype)
    lag, lr, batch = (
        int(rng.integers(1, T // 2 + 1)),
        float(10 ** rng.uniform(-4, -1)),
        int(rng.integers(1, 40)),
    )
    E = float(10 ** rng.uniform(-2, 1))
    errors = immediate_errors(trace, dh)
    told = measure_batch(
        Pass(E, E, ((trace, errors),)), update=0, needed_lag=lag, batch=batch, lr=lr
    )
    parts, levels = parts_of(trace, dh)
    _reach(found, told, parts, levels, trace, lag, dtype)
    reads = dh[t, np.arange(B)].any(-1)
    if not reads.all():
        return  # a loss step whose errors are zero is none, and its sequence is not drawn
    groups = np.array_split(np.arange(B), min(GROUPS, B // 2))
    centred = np.concatenate(
        [_centred(dh[t, np.arange(B)].astype(LONG)[own]) * B / len(own) for own in groups]
    )
    near = max(1, lag // 2)
    each = _by_step(parts, levels, t, centred)  # (B, T, P)
    steps = t[:, None] - np.arange(T)
    whole, mid, far = (
        np.array([(each[own] * (steps[own] >= least)[..., None]).sum((0, 1)) for own in groups])
        for least in (-T, near, lag)
    )
    size = np.abs(each).sum((0, 1)).max()
    noise = LONG(round(B / len(groups))) / batch
    V = whole.mean(0) ** 2 + whole.var(0, ddof=1) * noise
    for one, F in ((told.agreement, far), (told.agreement_mid, mid)):
        _agrees(found, one, F, V, noise, LONG(lr), LONG(E), size, dtype)
    if B >= FORM:
        _forms(found, told, parts, levels, t, dh[t, np.arange(B)], steps >= near, dtype)


def _centred(D):
    """Errors without their mean, its bias taken off."""
    return (D - D.mean(0)) * len(D) / max(1, len(D) - 1)


def _by_step(parts, levels, t, D):
    """(B, T, P) the gradient of every sequence by all weights, by the step at which they act, of errors D (B, ·) at steps t."""
    T, B, _ = parts[0].x.shape
    above = np.zeros((T, B, D.shape[1]), LONG)
    above[t, np.arange(B)] = D
    rows = []
    for (part,) in reversed(levels):
        W_R, W_F, H = part.W_R.astype(LONG), part.W_F.astype(LONG), part.W_R.shape[1]
        d = np.zeros((T, B, part.d.shape[2]), LONG)
        d[..., : above.shape[2]] = above
        above, own = np.zeros((T, B, W_F.shape[1]), LONG), []
        for s in reversed(range(T)):
            dz, dz_F, carry, _ = step_back(part, s, d[None, s], exact=True)
            h = part.h[s].astype(LONG)
            own.insert(0, np.concatenate([
                (dz[0][:, :, None] * h[:, None]).reshape(B, -1),
                (dz_F[0][:, :, None] * part.x[s].astype(LONG)[:, None]).reshape(B, -1), dz_F[0],
            ], 1))  # fmt: skip
            above[s] = dz_F[0] @ W_F
            if s:
                if carry is not None:
                    d[s - 1] += carry[0]
                d[s - 1][:, :H] += dz[0] @ W_R
        rows.insert(0, np.array(own))
    return np.concatenate(rows, axis=2).transpose(1, 0, 2)


def _reach(found, told, parts, levels, trace, lag, dtype):
    """log10 of the signal at the needed lag over that where it starts, of the weakest layer."""
    T = len(parts[0].x)
    answers = [a for level in backward(levels, trace.masks, T) for a in level]
    weakest, worth = np.inf, 1.0
    for part, answer in zip(parts, answers, strict=True):
        signal, sizes = [], answer.sizes
        for k in (0, lag):
            rows = sizes["at_weights" if part.kind == "rnn" else "state"][k]
            count = max(1, answer.reach[k].sum())
            signal.append(norm(rows) / np.sqrt(LONG(count)))
            worth = (
                max(worth, float(norm(sizes["majorant"][k]) / np.sqrt(LONG(count)) / signal[-1]))
                if signal[-1]
                else np.inf
            )
        if not all(signal):
            return
        weakest = min(weakest, np.log10(signal[1] / signal[0]))
    if worth < 1e6:
        eps = np.finfo(dtype).eps
        found.check("reach", told.log10_attenuation - weakest, worth + abs(weakest), eps, 8 * T)


def _agrees(found, told, F, V, noise, lr, E, size, dtype):
    """Coherence, rate and size of gradients (M, P), and the errors of the first two."""
    M = len(F)
    if told is None or np.abs(F).max() <= 1e-3 * size:
        if told is None:
            found.wrong.append("agreement: none")
        return

    def of(groups):
        pairs = [(F[a] * F[b]).sum() for a in groups for b in groups if a != b]
        S, one = np.mean(pairs), np.mean([(F[a] ** 2).sum() for a in groups])
        square = max(S, 0) + max(one - S, 0) * noise
        m = len(groups)
        total, squares = F[groups].sum(0), (F[groups] ** 2).sum(0)
        rate = (lr / E / (np.sqrt(V) + LONG(1e-8)) * (total**2 - squares)).sum() / (m * (m - 1))
        return S, S / square if square > 0 else 0, rate, one, square

    every = list(range(M))
    S, coherence, rate, one, square = of(every)
    if square <= 1e-2 * one:
        return  # noise that is next to none: a quotient of two that cancel
    left = [of([g for g in every if g != m]) for m in every] if M > 2 else []
    errors = [
        np.sqrt((M - 1) / LONG(M) * np.square(np.array(v) - np.mean(v)).sum()) if M > 2 else np.nan
        for v in ([out[1] for out in left], [out[2] for out in left])
    ]
    worth = one / square * (size / np.abs(F).max()) ** 2
    most = (
        np.abs(lr / E / (np.sqrt(V) + LONG(1e-8)) * (F**2).sum(0)).sum()
        * (size / np.abs(F).max()) ** 2
    )
    rel = REL[dtype]
    found.check("agreement", told.coherence - coherence, worth, rel, 16)
    found.check("agreement", told.size**2 - max(S, 0), one * worth, rel, 16)
    if M > 2:
        found.check("agreement", told.error - errors[0], worth * M, rel, 16)
    # a weight whose gradient is next to zero divides by the 1e-8 of Adam: what is lost there counts as much
    if dtype == "float64":
        found.check("agreement", told.rate - rate, most, rel, 16)
        if M > 2:
            found.check("agreement", told.rate_error - errors[1], most * M, rel, 16)


def _forms(found, told, parts, levels, t, D, counted, dtype):
    """R² of the errors by tangent features, each sequence predicted from the others by a regression of its own."""
    D = D.astype(float)
    D = D / np.abs(D).max()
    D -= D.mean(0)
    U, size, V = np.linalg.svd(D, full_matrices=False)
    share = size**2 / (size**2).sum()
    if (np.abs(share[1:3] - 0.1) < 1e-3).any() or (np.diff(size) > -1e-2 * size[0]).any():
        return  # directions that are as large as one another may be turned
    R2 = held = 0.0
    for r in range(min(3, len(size))):
        if r and share[r] < 0.1:
            break
        each = _by_step(parts, levels, t, np.broadcast_to(V[r].astype(LONG), (len(t), len(V[r]))))
        F = (each * counted[..., None]).sum(1).astype(float)
        if not np.abs(F).max() > 0:
            return
        R2 += share[r] * max(0.0, _left_out(F / np.abs(F).max(), U[:, r] * size[r]))
        held += share[r]
    if told.form is None:
        found.wrong.append("form: none")
        return
    found.check("form", told.form - R2 / held, 1.0, 1e-3 if dtype == "float32" else 1e-10, 1)


def _left_out(F, y):
    """The best of ten strengths; every sequence predicted by a ridge regression on the others."""
    N, y = len(F), y - y.mean()
    C = F - F.mean(0)
    K = C @ C.T
    total, scale = np.trace(K) / np.abs(K).max(), np.abs(K).max()
    best = -np.inf
    for strength in 10.0 ** np.arange(-4, 6):
        ridge = strength * total / N * scale
        miss = 0.0
        for i in range(N):
            kept = np.delete(np.arange(N), i)
            centre, mean = F[kept].mean(0), y[kept].mean()
            A = (F[kept] - centre) @ (F[kept] - centre).T + ridge * np.eye(N - 1)
            w = np.linalg.solve(A, y[kept] - mean)
            miss += (y[i] - mean - (F[i] - centre) @ (F[kept] - centre).T @ w) ** 2
        scatter = sum((y[i] - np.delete(y, i).mean()) ** 2 for i in range(N))
        best = max(best, 1 - miss / scatter)
    return best
