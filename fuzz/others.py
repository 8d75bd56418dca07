"""What else is measured of a network, each against an answer of its own: by step, truncated, exponents, mean field."""

import math

import numpy as np

import bptt
from bptt.dynamics.mean_field import mean_field
from fuzz.oracle import LONG, SLOPE, VALUE, carried_back, norm, norms

HELD = LONG("1e-306"), LONG("1e306")  # what float64 holds to all digits
SAFE = 100  # decades from 1 within which everything is compared that keeps no scale of its own: float32 has 38
U = np.linspace(-1, 1, 8001, dtype=LONG)
NODES = 14 * U**5  # close together around 0, where activations bend
# Simpson's rule over u; it agrees with 25 digits by another sum to 1e-16
WEIGHTS = np.exp(-(NODES**2) / 2) * U**4 * np.where(np.arange(len(U)) % 2, 4, 2)


def by_step(found, trace, dh, parts, answers, eps, steps):
    """The gradient by the step at which the weight acts, of every layer, each step by its own size."""
    for part, profile, answer in zip(parts, bptt.by_step(trace, dh), answers, strict=True):
        dW_R, whole_majorant = answer.steps.sum(0), norm(answer.steps_majorant.sum(0))
        whole = norm(dW_R)
        for t in range(len(part.x)):
            exact, majorant = norm(answer.steps[t]), norm(answer.steps_majorant[t])
            _held(found, "by_step", profile.norm[t], exact, majorant, eps, steps)
            own = [
                norm(rows[t]) / np.sqrt(LONG(part.x.shape[1]))
                for rows in (answer.d, answer.d_majorant)
            ]
            _held(found, "total", profile.total[t], *own, eps, steps)
            if whole > 64 * steps * eps * whole_majorant:
                share = (answer.steps[t] / whole * (dW_R / whole)).sum()
                if abs(share) < HELD[1]:
                    worth = majorant / whole * (whole_majorant / whole) ** 2 + HELD[0] / eps
                    found.check("share", profile.share[t] - share, worth, eps, steps)


def _held(found, name, told, exact, majorant, eps, steps):
    """A number of float64: infinite beyond its range, and less exact where it is denormal."""
    if exact < HELD[1]:
        found.check(name, told - exact, majorant + HELD[0] / eps, eps, steps)
    elif told < HELD[1]:
        found.wrong.append(f"{name}: {told}, but it is 1e{float(np.log10(exact)):.1f}")


def truncated(found, rng, trace, dh, part, answer, eps, steps):
    """BPTT(k1, k2) of one layer, from the gradient by loss step and step."""
    T, K = answer.each.shape[:2]
    if not _ordinary(norms(answer.each_majorant.reshape(T * K, -1)), np.finfo(part.W_R.dtype)):
        return
    k1, k2 = int(rng.integers(1, T + 2)), int(rng.integers(1, T + 2))
    offset = int(rng.integers(k1))
    exact, majorant = 0 * answer.each[0, 0], 0 * answer.each[0, 0]
    for s in range(T):
        for k in range(T - s):
            end = offset or k1
            while end <= s + k:
                end += k1
            if s >= end - k2:
                exact += answer.each[s, k]
                majorant += answer.each_majorant[s, k]
    told = bptt.truncated_bptt(trace, dh, k1, k2, offset)
    found.check("truncated_bptt", norm(told - exact), norm(answer.G_majorant.sum(0)), eps, steps)


def exponents(found, trace, part, eps, steps):
    """The leading Lyapunov exponent of one layer: ln of what a row becomes on its way through all Jacobians, per step."""
    if trace.lengths is not None:
        return
    T, B, _ = part.x.shape
    S = trace.layer.state_size
    # the library's first direction, whatever its sign
    start = (
        np.random.default_rng(0)
        .standard_normal((B, 1, S))
        .astype(part.W_R.dtype)[:, 0]
        .astype(LONG)
    )
    start /= norms(start)[:, None]
    rows, majorant = carried_back(part, start)
    size, most = norms(rows), norms(majorant)
    told = bptt.lyapunov(trace, count=1, skip=0).exponents[0]
    if (size == 0).any():  # a reset, or slopes of zero
        return
    if (size > 64 * steps * eps * most).all():
        exact = np.log(size).mean() / T
        found.check(
            "lyapunov", (told - exact) * T, (most / size).max() + abs(exact * T), eps, steps
        )


def field(found, rng):
    """The fixed point of mean field: its two equations by another sum, where the activation has no kink."""
    phi = str(rng.choice(["tanh", "logistic", "softsign", "scaled_tanh"]))
    gain, variance = (
        float(10 ** rng.uniform(-1, 1)),
        float(rng.choice([0.0, 10 ** rng.uniform(-3, 1)])),
    )
    told = mean_field(gain, variance, phi)
    z = LONG(math.sqrt(told.q)) * NODES
    mean = [(WEIGHTS * f(z) ** 2).sum() / WEIGHTS.sum() for f in (VALUE[phi], SLOPE[phi])]
    q = gain**2 * mean[0] + variance
    # near a critical gain without inputs q is approached slowly: its own equation holds all the same
    found.check("mean_field", told.q - q, max(q, LONG(1e-6)), 1e-13, 1)
    found.check("mean_field", told.chi - gain**2 * mean[1], told.chi, 1e-13, 1)


def _ordinary(sizes, limits):
    """Whether nothing comes near the ends of the type: these keep one scale for all."""
    some = sizes[sizes > 0]
    reach = min(SAFE, 0.5 * math.log10(float(limits.max)))
    return len(some) and some.max() < LONG(10) ** reach and some.max() > LONG(10) ** -reach
