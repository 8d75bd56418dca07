"""The memory function of a random layer, by its definition: a ridge regression of every lag and input by itself.

Everything is summed state by state in 80 bits and solved by elimination. The strength of the ridge is the one of least cross-validation;
where several come out equal within rounding, R² of any of them is right.
"""

import numpy as np

from bptt.dynamics import memory_function
from bptt.errors import NonFiniteError, OptionError
from fuzz.draw import _array, _layer
from fuzz.noise import answers
from fuzz.oracle import LONG

STRENGTHS = 13  # 1, 0.1, ... 1e-12 of the largest eigenvalue


def memory(found, rng):
    """One layer over sequences long enough, and its memory function."""
    dtype = rng.choice(["float32", "float64"])
    T, B, I, H = (int(rng.integers(*ends)) for ends in ((12, 40), (1, 6), (1, 3), (1, 5)))
    layer = _layer(rng, I, H, dtype, False)
    given = {"x": _array(rng, (T, B, I), float(10 ** rng.uniform(-3, 3)), dtype)}
    if rng.random() < 0.3:
        given["lengths"] = rng.integers(T // 2, T + 1, B)
    if rng.random() < 0.3:
        given["resets"] = rng.random((T, B)) < 0.05
    try:
        trace = layer.forward(**given)
        told = memory_function(trace)
    except (NonFiniteError, OptionError):  # it explodes, or there are too few states
        return
    h, x, age = trace.h[1:].astype(LONG), given["x"].astype(LONG), _ages(T, B, **given)
    h, x = (np.ldexp(a, -np.frexp(np.abs(a).max())[1]) for a in (h, x))  # changes no digit
    halves = [age >= 0, age >= 0]
    readable = np.cumsum(age[:, 0] >= 0)
    for half, first in enumerate((True, False)):
        own = (np.arange(B) % 2 == 0) if B > 1 else (readable <= readable[-1] // 2)[:, None]
        halves[half] = halves[half] & (own if first else ~own)
    if told.r2.shape != (_lags(age, halves, H),):
        found.wrong.append(f"memory: {len(told.r2)} lags, {_lags(age, halves, H)} have states")
        return
    other = np.roll(np.arange(B), -1)
    for block in np.array_split(np.arange(len(told.r2)), min(8, len(told.r2))):
        rows = [np.argwhere(half & (age >= block[-1])) for half in halves]
        joint = np.minimum(age, age[:, other])
        chance = [np.argwhere(half & (joint >= block[-1])) for half in halves]
        for lag in block:
            if told.rows[lag] != len(rows[0]):
                found.wrong.append(f"memory: {told.rows[lag]} rows, there are {len(rows[0])}")
            _one(found, told.per_input[lag], h, x, rows, lag)
            enough = B > 1 and min(map(len, chance)) > H
            mean = [_reading(h, x[:, other, i], chance, lag) for i in range(I)] if enough else []
            _mean(found, told.chance[lag], [each for each in mean if each is not None])
            itself = [_correlation(x[..., i], rows[0], lag) for i in range(I)]
            _mean(found, told.correlation[lag], [([c], 1e-13) for c in itself if c is not None])


def _ages(T, B, x, lengths=None, resets=None):
    """(T, B) how many steps a state has behind it, -1 behind the end of its sequence."""
    age = np.empty((T, B), int)
    for b in range(B):
        count = -1
        for t in range(T):
            count = 0 if resets is not None and resets[t, b] else count + 1
            age[t, b] = count if lengths is None or t < lengths[b] else -1
    return age


def _lags(age, halves, H):
    """How many lags have two states for every unit in each half."""
    enough = [min(int((age[half] >= k).sum()) for half in halves) >= 2 * H for k in range(len(age))]
    return sum(enough)


def _one(found, told, h, x, rows, lag):
    for i, number in enumerate(told):
        reading = _reading(h, x[..., i], rows, lag)
        _mean(found, number, [] if reading is None else [reading])


def _mean(found, told, readings):
    """The mean over what varies, NaN of nothing; each is what may come out, and how far off rounding makes it."""
    if not readings:
        if not np.isnan(told):
            found.wrong.append(f"memory: {told}, nothing varies")
        return
    if any(len(r2s) > 1 and len(readings) > 1 for r2s, _ in readings):
        return
    off = min(abs(told - r2 - sum(r[0] for r, _ in readings[1:])) for r2 in readings[0][0]) if len(readings) == 1 else (
        told - sum(r[0] for r, _ in readings) / len(readings)
    )  # fmt: skip
    size = max(max(1, abs(r2s[0])) for r2s, _ in readings)
    spread = max(spread for _, spread in readings)
    if spread < 1e-3 * size:
        found.check("memory", off, size + spread / np.finfo(float).eps, np.finfo(float).eps, 64)


def _reading(h, x, rows, lag):
    """([R² ...], spread) of the inputs ``lag`` steps ago; None where they do not vary."""
    Y, Y_held = (np.array([x[t - lag, b] for t, b in part]) for part in rows)
    if np.ptp(Y) == 0 or np.ptp(Y_held) == 0:
        return None
    Z, Z_held = (np.array([h[t, b] for t, b in part]) for part in rows)
    mean, still = Y.mean(), np.ptp(Z, 0) == 0  # a unit that stands still tells nothing
    Y = Y - mean
    for _ in range(2):  # 80 bits are few beside a unit that moves by the last digit of 53
        centre = Z.mean(0)
        Z, Z_held = np.where(still, 0, Z - centre), np.where(still, 0, Z_held - centre)
    largest = LONG(np.linalg.eigvalsh((Z.T @ Z).astype(float))[-1]) or LONG(1)
    scatter = ((Y_held - Y_held.mean()) ** 2).sum()

    def answer(noise):
        G, size = Z.T @ Z, np.sqrt((Z**2).sum() * (Y**2).sum())
        G, z = noise.on(G, largest), noise.on(Z.T @ Y, size)
        found = []
        for k in range(STRENGTHS):
            alpha = largest * LONG(10) ** -k
            inverse = _inverse(G + alpha * np.eye(len(G)))
            w = inverse @ z
            error = max(((Y - Z @ w) ** 2).sum(), 1e-14 * (Y**2).sum())
            told = noise.on(Z_held @ w, np.abs(Z_held) @ np.abs(w))
            free = len(Y) - 1 - np.trace(inverse @ G)
            found.append((error / free**2, 1 - ((Y_held - mean - told) ** 2).sum() / scatter))
        return np.array(found).T

    (score, r2), spread = answers(answer, np.finfo(float).eps * len(Y))
    off = 4 * spread[0] + 5e-7 * score
    near = np.flatnonzero(
        score - off <= (score + off).min()
    )  # any of these may come out as the least
    best = int(np.argmin(score))
    return [r2[best], *r2[near]], float(spread[1][near].max())


def _correlation(x, rows, lag):
    """Squared, of an input with itself; None where it does not vary."""
    now, then = (np.array([x[t - k, b] for t, b in rows]) for k in (0, lag))
    now, then = now - now.mean(), then - then.mean()
    scatter = (now**2).sum() * (then**2).sum()
    return (now * then).sum() ** 2 / scatter if scatter > 0 else None


def _inverse(A):
    """Of a symmetric positive matrix, by elimination in 80 bits."""
    n = len(A)
    M = np.concatenate([A, np.eye(n, dtype=LONG)], axis=1)
    for p in range(n):
        pivot = p + int(np.argmax(np.abs(M[p:, p])))
        M[[p, pivot]] = M[[pivot, p]]
        M[p] /= M[p, p]
        for q in range(n):
            if q != p:
                M[q] -= M[q, p] * M[p]
    return M[:, n:]
