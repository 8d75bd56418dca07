"""One network by the library and by the oracle: what differs by more than rounding."""

from collections import Counter
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

import bptt
from bptt.errors import BpttError, NonFiniteError, ResidualError
from fuzz import others
from fuzz.memory import memory
from fuzz.oracle import LONG, SLOPE, STEEP, backward, norm, off_in_a_step
from fuzz.parts import parts_of
from fuzz.prognosis import prognosis
from fuzz.spectrum import spectrum

LN10 = np.log(LONG(10))
END = -4900  # log10 of what an 80-bit number holds: the library goes on, the oracle does not
LEAST = LONG(10) ** END
UNITS = 8.0  # in the last place of the majorant, for each step that a number comes from


@dataclass(eq=False)
class Found:
    """What is known of one network.

    Attributes:
        wrong: a line for each number that is wrong; empty for none.
        numbers: by quantity, how many were compared.
        worst: by quantity, the largest difference, in units in the last place of what was added up.
        refused: the library's error, where it gave one.
        beyond: whether it refused a gradient that is smaller than rounding, or an entry lost to the largest of its row, may
            make it.
    """

    wrong: list[str] = field(default_factory=list)
    numbers: Counter = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    refused: str | None = None
    beyond: bool = False

    def check(self, name, off, majorant, eps, steps):
        """Count |off| in units of eps·majorant; wrong where it is more than rounding makes of so many steps."""
        off, majorant = np.abs(np.asarray(off, LONG)), np.asarray(majorant, LONG)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            units = np.where(off == 0, 0, off / (eps * majorant))
        units = float(np.max(np.where(np.isnan(units), np.inf, units), initial=0))
        self.worst[name] = max(self.worst.get(name, 0.0), units)
        self.numbers[name] += off.size
        if not units <= UNITS * steps:
            self.wrong.append(f"{name}: off by {units:.3g} units, {UNITS * steps:.0f} are rounding")


def compare(drawn):
    """Everything that is measured of a network, against the oracle."""
    found = Found()
    try:
        trace = drawn.stack.forward(**drawn.forward)
    except NonFiniteError as error:
        found.refused = str(error)
        return found
    parts, levels = parts_of(trace, drawn.dh)
    _forward(found, parts)
    T, both = len(parts[0].x), any(len(level) > 1 for level in levels)
    lags = (len(levels) * (T - 1) if both else T - 1) + 1
    answers = [a for level in backward(levels, trace.masks, lags) for a in level]
    try:
        profiles = bptt.by_lag(trace, drawn.dh, keep_matrices=True, **drawn.options)
    except ResidualError as error:
        found.refused, found.beyond = str(error), True
        pairs, below = zip(parts, answers, strict=True), any(map(_underflown, parts))
        if not any(_beyond(*each, len(levels), below) for each in pairs):
            found.wrong.append(f"by_lag: {error}")
        return found
    except BpttError as error:
        found.refused = str(error)
        found.wrong.append(f"by_lag: {error}")
        return found
    for name, part, profile, answer in zip(
        trace.stack.names, parts, profiles, answers, strict=True
    ):
        own = Found()
        _lags(own, part, profile, answer, len(levels))
        found.wrong += [f"{name} {line}" for line in own.wrong]
        found.numbers += own.numbers
        for key, value in own.worst.items():
            found.worst[key] = max(found.worst.get(key, 0.0), value)
    _others(found, drawn, trace, parts, answers)
    return found


def _beyond(part, answer, levels, below):
    """Whether the whole gradient is no more than rounding of what was added up; zero, where slopes are ``below`` 80 bits."""
    G, M = answer.G, answer.G_majorant
    eps, whole = np.finfo(part.W_R.dtype).eps, norm(G.sum(0))
    most = 4 * UNITS * _steps(part, len(G), levels) * eps * norm(M.sum(0))
    return (whole > 0 or (below and most > 0)) and whole <= most


def _underflown(part):
    """Whether a slope that is not zero is so in 80 bits."""
    return (
        part.phi in STEEP
        and part.kind == "rnn"
        and not SLOPE[part.phi](part.saved.astype(LONG)).all()
    )


def _steps(part, K, levels):
    """What rounding of a sum by lag comes from."""
    T, B, _ = part.x.shape
    return T + levels * (K + 1) + B + sum(part.W_R.shape) + part.W_F.shape[1]


def _others(found, drawn, trace, parts, answers):
    """What is measured besides the lags."""
    rng = np.random.default_rng(crc32(drawn.words.encode()))
    eps, T = np.finfo(parts[0].W_R.dtype).eps, len(parts[0].x)
    steps = len(answers[0].G) + 2 * T + sum(max(part.W_R.shape) for part in parts)
    others.by_step(found, trace, drawn.dh, parts, answers, eps, steps)
    if len(parts) == 1:
        (part,), (answer,), own = parts, answers, trace.traces[0]
        dh = drawn.dh[0] if isinstance(drawn.dh, list) else drawn.dh
        others.truncated(found, rng, own, dh, part, answer, eps, steps)
        others.exponents(found, own, part, eps, steps)
    if rng.random() < 0.1:
        others.field(found, rng)
    rng = np.random.default_rng([crc32(drawn.words.encode()), 1])
    if rng.random() < 0.12:
        for own, part in zip(trace.traces, parts, strict=True):
            spectrum(found, own, part)
    for check in (memory, prognosis):  # of larger networks that they draw themselves
        if rng.random() < 0.016:
            check(found, rng)


def _forward(found, parts):
    for part in parts:
        H, I = part.W_R.shape[1], part.W_F.shape[1]
        eps = np.finfo(part.W_R.dtype).eps
        for t in range(len(part.x)):
            for off, majorant in off_in_a_step(part, t):
                real = part.real[t]
                found.check("forward", off[real], majorant[real] / eps, eps, H + I + 4)


def _lags(found, part, profile, answer, levels):
    K = len(profile.log10_norm)
    G, M = answer.G, answer.G_majorant
    eps, steps = np.finfo(part.W_R.dtype).eps, _steps(part, K, levels)
    whole, whole_majorant = norm(G.sum(0)), norm(M.sum(0))
    if whole > 4 * UNITS * steps * eps * whole_majorant:
        found.check(
            "dW_R", _log_off(profile.log10_whole, whole), whole_majorant / whole, eps, steps
        )
    limits = np.finfo(part.W_R.dtype)
    dW_R = G.sum(0)
    fits = np.abs(dW_R).max() < limits.max
    if fits:
        found.check(
            "dW_R", norm(profile.dW_R - dW_R), whole_majorant + limits.tiny / eps, eps, steps
        )
    for k in range(max(K, len(G))):
        exact, majorant = (norm(G[k]), norm(M[k])) if k < len(G) else (LONG(0), LONG(0))
        if k >= K:  # see _rest
            continue
        if majorant <= LEAST:
            if profile.log10_norm[k] > END:
                found.wrong.append(
                    f"log10_norm: {profile.log10_norm[k]} at lag {k}, there is nothing"
                )
            continue
        rounding = UNITS * steps * eps * majorant
        if exact > 4 * rounding:
            found.check(
                "log10_norm", _log_off(profile.log10_norm[k], exact), majorant / exact, eps, steps
            )
        elif LONG(10) ** LONG(profile.log10_norm[k]) > exact + rounding:
            found.wrong.append(
                f"log10_norm: {profile.log10_norm[k]} at lag {k}, exact {float(np.log10(exact))}"
            )
        if np.abs(G[k]).max() < limits.max:
            found.check(
                "G_k", norm(profile.matrices[k] - G[k]), majorant + limits.tiny / eps, eps, steps
            )
        if whole > 4 * UNITS * steps * eps * whole_majorant:
            share = (G[k] / whole * (dW_R / whole)).sum()
            worth = majorant / whole * (whole_majorant / whole) + LONG(
                "1e-280"
            )  # a share is a float64 itself
            found.check(
                "share",
                profile.share[k] - share,
                worth + exact / whole * (whole_majorant / whole) ** 2,
                eps,
                steps,
            )
    _rest(found, profile, G, M, eps, _steps(part, len(G), levels))
    _signal(found, part, profile, answer, eps, steps)
    if whole > 4 * UNITS * steps * eps * whole_majorant:
        _truncation(found, profile, answer, whole, whole_majorant / whole, eps, steps)


def _rest(found, profile, G, M, eps, steps):
    """What lies beyond the last lag, over the sum of the sizes of those before."""
    K = len(profile.log10_norm)
    sizes = sum((norm(one) for one in G[:K]), LONG(0))
    left, majorant = norm(G[K:].sum(0)), norm(M[K:].sum(0))
    rounding = UNITS * steps * eps * (majorant + norm(M[:K].sum(0)))
    if profile.rest == 0:
        if left > rounding:
            found.wrong.append(f"rest: 0, but lags from {K} on have 1e{float(np.log10(left)):.1f}")
    elif sizes > 4 * UNITS * steps * eps * norm(M[:K].sum(0)) and left / sizes < LONG("1e300"):
        worth = majorant / sizes + left / sizes * norm(M[:K].sum(0)) / sizes + LONG("1e-290")
        found.check("rest", profile.rest - left / sizes, worth, eps, steps)


def _signal(found, part, profile, answer, eps, steps):
    sizes = answer.sizes
    signal = sizes["at_weights" if part.kind == "rnn" else "state"]
    for k in range(min(len(profile.log10_signal), len(signal))):
        count = answer.reach[k].sum()
        exact = norm(signal[k]) / np.sqrt(LONG(max(1, count)))
        worth = norm(sizes["majorant"][k]) / np.sqrt(LONG(max(1, count)))
        rounding = UNITS * steps * eps * worth
        if worth <= LEAST:
            if profile.log10_signal[k] > END:
                found.wrong.append(
                    f"log10_signal: {profile.log10_signal[k]} at lag {k}, there is nothing"
                )
        elif exact > 4 * rounding:
            found.check(
                "log10_signal", _log_off(profile.log10_signal[k], exact), worth / exact, eps, steps
            )
        elif LONG(10) ** LONG(profile.log10_signal[k]) > exact + rounding:
            found.wrong.append(f"log10_signal: {profile.log10_signal[k]} at lag {k}, exact {exact}")


def _log_off(log10, exact):
    """The relative difference of 10^log10 and an exact number, from the logarithms."""
    if exact == 0 or not np.isfinite(log10):
        if exact == 0 and log10 < END:
            return LONG(0)
        return LONG(0) if exact == 0 and log10 == -np.inf else LONG(np.inf)
    off = LONG(log10) * LN10 - np.log(exact)
    # log10 is stored in float64: its own last place counts for nothing here
    return max(LONG(0), abs(off) - 4 * LONG(np.finfo(float).eps) * abs(LONG(log10) * LN10))


def _truncation(found, profile, answer, whole, worth, eps, steps):
    """The bill at a few K: bias and cosine from sums of the exact G_k."""
    most = len(profile.log10_norm)
    dW = answer.G.sum(0) / whole
    for K in sorted({1, 2, 3, most // 2, most - 1, most, most + 3}):
        if K < 1 or (K > most and profile.rest > 0):
            continue
        for chunked in (False, True):
            weights = 1 - np.arange(len(answer.G)) / LONG(K if chunked else 2 * len(answer.G))
            weights = np.where(np.arange(len(answer.G)) < K, weights if chunked else 1, 0)[
                :, None, None
            ]
            kept = (answer.G * weights).sum(0) / whole
            majorant = norm((answer.G_majorant * weights).sum(0)) / whole
            size, told = norm(kept), profile.truncation(K, chunked)
            found.check(
                "bias",
                told.relative_bias - norm(kept - dW),
                worth + worth * norm(kept - dW),
                eps,
                steps,
            )
            if size > 4 * UNITS * steps * eps * majorant:
                cosine = (kept / size * dW).sum()
                found.check("cosine", told.cosine - cosine, worth + majorant / size, eps, steps)
