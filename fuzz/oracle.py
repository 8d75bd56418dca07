r"""The gradient by lag by one ordinary backward pass over polynomials, in 80-bit numbers; nothing of the library is used.

Let every recurrent step back be multiplied by a symbol λ. Then an error is a polynomial in λ whose coefficient k is what
has taken k steps, and so is

    dW_R(λ) = Σ_t dz_t(λ)ᵀ h_{t-1} = Σ_k G_k λ^k.

One pass of the textbook's equations with arrays that have an axis for k gives every G_k, through any number of levels and
both directions, however they mix. Numbers of 80 bits reach from 1e-4932 to 1e+4932: nothing is rescaled. Slopes are
taken from the states and gates that the forward pass left; each step of that pass is checked by itself.

Beside each number goes what it would be if no sign were ever negative, the majorant: rounding in any order of the sums
explains a difference of so many units in the last place of the majorant, and no more. One limit of the library's is part of
it: a row of errors has one exponent, its norm is kept within 2^±40 (float32) or 2^±200 (float64), and an entry
that the type cannot hold beside the largest of its row counts as zero: one 2^-109 or 2^-874 of it.
"""

from dataclasses import dataclass, field

import numpy as np

LONG = np.longdouble
if np.finfo(LONG).maxexp < 16000:
    raise SystemExit("fuzz: needs a machine whose long double has 80 bits or more (x86-64)")
# What an entry may lose to the largest of its row, over the type's eps.
ROW = {np.dtype(np.float32): LONG(2) ** -86, np.dtype(np.float64): LONG(2) ** -822}


@dataclass(eq=False)
class Part:
    """One layer in one direction over one batch, as plain arrays, in its own order of time."""

    kind: str  # "rnn", "lstm" or "gru"
    phi: str
    W_F: np.ndarray
    W_R: np.ndarray
    b: np.ndarray
    b_Rn: np.ndarray | None
    x: np.ndarray  # (T, B, I)
    saved: np.ndarray  # (T, B, ·): z; i f g o; r z n a
    h: np.ndarray  # (T+1, B, H)
    c: np.ndarray | None
    keep: np.ndarray  # (T, B) False where a step starts from zero
    place: np.ndarray  # (T, B) where a step stands in the order of the inputs
    real: np.ndarray  # (T, B) whether a sequence has the step
    d: np.ndarray  # (T, B, S) immediate errors of the state


@dataclass(eq=False)
class Polynomials:
    """What is found of a part; K lags."""

    G: np.ndarray  # (K, G·H, H)
    G_majorant: np.ndarray
    reach: (
        np.ndarray
    )  # (K, T, B) whether some loss step's error stands at a step after k steps back
    sizes: dict[str, np.ndarray] = field(default_factory=dict)  # (K, T, B) norms of rows
    steps: np.ndarray | None = None  # (T, G·H, H) the gradient by the step at which the weight acts
    steps_majorant: np.ndarray | None = None
    d: np.ndarray | None = None  # (T, B, H) the whole errors of h
    d_majorant: np.ndarray | None = None
    each: np.ndarray | None = None  # (T, K, G·H, H) the gradient by both
    each_majorant: np.ndarray | None = None


def _sech2(z):
    e = np.exp(-2 * np.abs(z))
    return 4 * e / (1 + e) ** 2


def _logistic_slope(z):
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


A, B_ = LONG("1.7159"), LONG(2) / 3
VALUE = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z * LONG("0.01")),
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "identity": lambda z: z,
    "scaled_tanh": lambda z: A * np.tanh(B_ * z),
}
SLOPE = {
    "tanh": _sech2,
    "relu": lambda z: (z > 0).astype(LONG),
    "leaky_relu": lambda z: np.where(z > 0, LONG(1), LONG("0.01")),
    "logistic": _logistic_slope,
    "softsign": lambda z: 1 / (1 + np.abs(z)) ** 2,
    "hard_tanh": lambda z: (np.abs(z) < 1).astype(LONG),
    "identity": np.ones_like,
    "scaled_tanh": lambda z: A * B_ * _sech2(B_ * z),
}
# How many units in the last place a slope is off for one of z: |z| for the exponential ones.
STEEP = ("tanh", "logistic", "scaled_tanh")


@np.errstate(over="ignore", under="ignore")
def backward(levels, masks, lags):
    """Every G_k of every part.

    Args:
        levels: bottom first, each a list of one part or of two, forward and backward.
        masks: per level (T, B, I) what multiplied its inputs, or None.
        lags: K.
    """
    errors = [[_immediate(part, lags) for part in level] for level in levels]
    found = []
    for number in reversed(range(len(levels))):
        results, below = [], None
        for part, own in zip(levels[number], errors[number], strict=True):
            result, dx = _part(part, *own)
            results.append(result)
            placed = tuple(_placed(part, array) for array in dx)
            below = (
                placed
                if below is None
                else tuple(a + b for a, b in zip(below, placed, strict=True))
            )
        found.insert(0, results)
        if number:
            D, M, R = below
            # the errors of both directions are added row by row, over all units of the level below
            M = M + M.max(-1, keepdims=True) * ROW[levels[number][0].W_R.dtype]
            if masks[number] is not None:
                m = masks[number].astype(LONG)
                D, M = D * m, M * np.abs(m)
            first = 0
            for part, own in zip(levels[number - 1], errors[number - 1], strict=True):
                H = part.W_R.shape[1]
                columns = slice(first, first + H)
                own[0][..., :H] += _turned(part, D[..., columns])
                own[1][..., :H] += _turned(part, M[..., columns])
                own[2][...] |= _turned(part, R)
                first += H
    return found


def _immediate(part, lags):
    D = np.zeros((lags, *part.d.shape), LONG)
    D[0] = part.d
    reach = np.zeros(D.shape[:3], bool)
    reach[0] = part.d.any(-1)
    return D, np.abs(D), reach


def _placed(part, array):
    """(K, T, B, ...) of a part's own order in the order of the inputs."""
    out = np.zeros_like(array)
    t, b = np.nonzero(part.real)
    out[:, part.place[t, b], b] = array[:, t, b]
    return out


def _turned(part, array):
    """The other way about."""
    out = np.zeros_like(array)
    t, b = np.nonzero(part.real)
    out[:, t, b] = array[:, part.place[t, b], b]
    return out


def _part(part, D, M, R):
    K, T, B, S = D.shape
    W_R, W_F = part.W_R.astype(LONG), part.W_F.astype(LONG)
    H = W_R.shape[1]
    G = np.zeros((K, *W_R.shape), LONG)
    steps, each = np.zeros((T, *W_R.shape), LONG), np.zeros((T, K, *W_R.shape), LONG)
    d, d_majorant = (np.zeros((T, B, H), LONG) for _ in range(2))
    result = Polynomials(
        G, np.zeros_like(G), R, {}, steps, np.zeros_like(steps), d, d_majorant, each, np.zeros_like(each)
    )  # fmt: skip
    dx, dx_majorant = (np.zeros((K, T, B, W_F.shape[1]), LONG) for _ in range(2))
    zeros = {
        n: np.zeros((K, T, B), LONG)
        for n in ("state", "at_weights", "through", "carry", "carrier", "arriving")
    }
    result.sizes = zeros | {
        "majorant": np.zeros((K, T, B), LONG),
        "leaving": np.zeros((K, T, B), bool),
    }
    for t in reversed(range(T)):
        h_prev = np.where(part.keep[t][:, None], part.h[t], 0).astype(LONG)
        M[:, t] += M[:, t].max(-1, keepdims=True) * ROW[part.W_R.dtype]
        d[t], d_majorant[t] = D[:, t, :, :H].sum(0), M[:, t, :, :H].sum(0)
        dz, dz_F, carry, carrier = step_back(part, t, D[:, t], exact=True)
        Mz, Mz_F, M_carry, _ = step_back(part, t, M[:, t], exact=False)
        lost = ROW[part.W_R.dtype]  # of the errors at the weights too
        Mz, Mz_F = (m + m.max(-1, keepdims=True) * lost for m in (Mz, Mz_F))
        each[t] = dz.transpose(0, 2, 1) @ h_prev
        result.each_majorant[t] = Mz.transpose(0, 2, 1) @ np.abs(h_prev)
        G += each[t]
        result.G_majorant += result.each_majorant[t]
        steps[t], result.steps_majorant[t] = each[t].sum(0), result.each_majorant[t].sum(0)
        through = dz @ W_R
        back = np.zeros((K, B, S), LONG)
        back[..., :H] = through
        M_back = np.zeros_like(back)
        M_back[..., :H] = Mz @ np.abs(W_R)
        if carry is not None:
            back += carry
            M_back += M_carry
        dx[:, t], M_x = dz_F @ W_F, Mz_F @ np.abs(W_F)
        dx_majorant[:, t] = M_x + M_x.max(-1, keepdims=True) * lost
        leaves = (part.keep[t] & part.real[t] & (t > 0))[None, :] & R[:, t]
        sizes = result.sizes
        sizes["leaving"][:, t] = leaves
        for name, rows in (
            ("state", D[:, t]), ("at_weights", dz), ("through", through), ("arriving", back),
            ("carry", carry), ("carrier", carrier), ("majorant", Mz if part.kind == "rnn" else M[:, t]),
        ):  # fmt: skip
            if rows is not None:
                sizes[name][:, t] = norms(rows)
        if t:
            on = part.keep[t][None, :, None]
            D[1:, t - 1] += np.where(on, back, 0)[:-1]
            M[1:, t - 1] += np.where(on, M_back, 0)[:-1]
            R[1:, t - 1] |= (R[:, t] & part.keep[t])[:-1]
            assert not np.where(on, back, 0)[-1].any(), "more lags are needed"
    return result, (dx, dx_majorant, R.copy())


def step_back(part, t, d, exact):
    """Errors at what W_R and W_F multiply, the carry, and what it multiplies; of majorants where not exact."""
    tiny = 0 if exact else np.finfo(part.W_R.dtype).tiny  # gates and slopes may be denormal
    H = part.W_R.shape[1]
    saved = part.saved[t].astype(LONG)
    # A gate is stored: 1 - g is exact. tanh(c) is not, and is off by a unit in its last place.
    slope_of_c = (lambda g: (1 - g) * (1 + g)) if exact else (lambda g: 1 + g * g)
    size = (lambda a: a) if exact else np.abs
    if part.kind == "rnn":
        slope = SLOPE[part.phi](saved)
        if not exact and part.phi in STEEP:
            slope = slope * (1 + 2 * np.abs(saved))
        dz = d * slope
        return dz, dz, None, None
    if part.kind == "lstm":
        i, f, g, o = (saved[:, j * H : (j + 1) * H] for j in range(4))
        c_prev = np.where(part.keep[t][:, None], part.c[t], 0).astype(LONG)
        tanh_c = np.tanh(part.c[t + 1].astype(LONG))
        dh = d[..., :H]
        dc = d[..., H:] + dh * (o * slope_of_c(tanh_c) + tiny)
        factors = (g * i * (1 - i), c_prev * f * (1 - f), i * (1 - g) * (1 + g))
        dz = np.concatenate(
            [*(dc * (size(a) + tiny) for a in factors), dh * (size(tanh_c) * o * (1 - o) + tiny)],
            -1,
        )
        return dz, dz, np.concatenate([0 * dh, dc * (f + tiny)], -1), dc
    r, z, n, a = (saved[:, j * H : (j + 1) * H] for j in range(4))
    h_prev = np.where(part.keep[t][:, None], part.h[t], 0).astype(LONG)
    to_n = (1 - z) * (1 - n) * (1 + n) + tiny
    apart = h_prev - n if exact else np.abs(h_prev) + np.abs(n)
    dn = d * to_n
    dr, dz = dn * (size(a) * r * (1 - r) + tiny), d * (apart * z * (1 - z) + tiny)
    return (
        np.concatenate([dr, dz, dn * (r + tiny)], -1),
        np.concatenate([dr, dz, dn], -1),
        d * (z + tiny),
        d,
    )


@np.errstate(over="ignore", under="ignore")
def carried_back(part, v):
    """(B, S) rows v carried back through all steps, v J_T … J_1, and the same with every sign positive."""
    W_R, M = part.W_R.astype(LONG), np.abs(v)
    H = W_R.shape[1]
    for t in reversed(range(len(part.x))):
        moved = []
        for rows, exact, W in ((v, True, W_R), (M, False, np.abs(W_R))):
            dz, _, carry, _ = step_back(part, t, rows[None], exact)
            back = np.zeros_like(rows) if carry is None else carry[0]
            back[:, :H] += dz[0] @ W
            moved.append(np.where(part.keep[t][:, None], back, 0))
        v, M = moved
        M += M.max(-1, keepdims=True) * ROW[part.W_R.dtype]
    return v, M


def norms(rows):
    """Norms along the last axis, beyond the range of squares."""
    peak = np.abs(rows).max(-1)
    safe = np.where(peak > 0, peak, 1)
    return peak * np.sqrt(np.square(rows / safe[..., None]).sum(-1))


def norm(array):
    """Of a whole array."""
    return norms(np.asarray(array, LONG).reshape(1, -1))[0]


@np.errstate(over="ignore", under="ignore")
def off_in_a_step(part, t):
    """How far the stored step t is from its equations: (difference, what one unit in the last place may do), each (B, ·).

    The stored state before and the stored inputs go in; what was saved and the stored state after it are compared.
    """
    eps = LONG(np.finfo(part.W_R.dtype).eps)
    tiny = LONG(np.finfo(part.W_R.dtype).tiny)
    x, W_F, W_R, b = (a.astype(LONG) for a in (part.x[t], part.W_F, part.W_R, part.b))
    H = W_R.shape[1]
    keep = part.keep[t][:, None]
    h_prev = np.where(keep, part.h[t], 0).astype(LONG)
    drive, through = x @ W_F.T + b, h_prev @ W_R.T
    drive_off, through_off = (
        eps * (np.abs(x) @ np.abs(W_F).T + np.abs(b)) + tiny, eps * (np.abs(h_prev) @ np.abs(W_R).T) + tiny,
    )  # fmt: skip
    saved, after = part.saved[t].astype(LONG), part.h[t + 1].astype(LONG)
    if part.kind == "rnn":
        z, z_off = drive + through, drive_off + through_off
        slope = 1.2 if part.phi not in ("relu", "leaky_relu", "identity") else 1
        h = VALUE[part.phi](saved)  # of the stored z: what was rounded before is z's
        return (saved - z, z_off), (after - h, slope * eps * (np.abs(h) + tiny / eps))

    def gate(value, off, phi):
        if phi == "logistic":
            return 1 / (1 + np.exp(-value)), off / 4 + eps
        return np.tanh(value), off + eps

    def block(j):
        return slice(j * H, (j + 1) * H)

    if part.kind == "lstm":
        z, z_off = drive + through, drive_off + through_off
        i, f, g, o = (
            gate(z[:, block(j)], z_off[:, block(j)], "tanh" if j == 2 else "logistic")
            for j in range(4)
        )
        c_prev = np.where(keep, part.c[t], 0).astype(LONG)
        kept = [saved[:, block(j)] for j in range(4)]
        c = kept[1] * c_prev + kept[0] * kept[2]
        c_off = 2 * eps * (np.abs(kept[1] * c_prev) + np.abs(kept[0] * kept[2])) + tiny
        c_after = part.c[t + 1].astype(LONG)
        h = kept[3] * np.tanh(c_after)
        gates = (
            np.concatenate([i[0], f[0], g[0], o[0]], -1),
            np.concatenate([i[1], f[1], g[1], o[1]], -1),
        )
        return (
            (saved - gates[0], gates[1]),
            (c_after - c, c_off),
            (after - h, 2 * eps * np.abs(h) + tiny),
        )
    a = through[:, block(2)] + part.b_Rn.astype(LONG)
    a_off = through_off[:, block(2)] + eps * np.abs(part.b_Rn.astype(LONG)) + tiny
    r, z = (
        gate(
            drive[:, block(j)] + through[:, block(j)],
            drive_off[:, block(j)] + through_off[:, block(j)],
            "logistic",
        )
        for j in range(2)
    )
    kept = [saved[:, block(j)] for j in range(4)]
    inner = drive[:, block(2)] + kept[0] * kept[3]
    n = gate(inner, drive_off[:, block(2)] + 2 * eps * np.abs(kept[0] * kept[3]) + tiny, "tanh")
    h = kept[2] + kept[1] * (h_prev - kept[2])
    h_off = 2 * eps * (np.abs(kept[2]) + kept[1] * (np.abs(h_prev) + np.abs(kept[2]))) + tiny
    gates = np.concatenate([r[0], z[0], n[0], a], -1), np.concatenate([r[1], z[1], n[1], a_off], -1)
    return (saved - gates[0], gates[1]), (after - h, h_off)
