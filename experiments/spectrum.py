"""(j) Engelken, Wolf & Abbott 2023: the Lyapunov spectrum of chaotic networks, by their size, beside random-matrix theory.

python -m experiments spectrum
"""

import numpy as np
from scipy.optimize import brentq

import bptt
from bptt.configuration import Configuration
from bptt.dynamics import mean_field

GAINS, HIDDEN, SEEDS = (1.5, 3.0, 10.0), (64, 128, 256), 3
STEPS, SETTLING = 600, 200
AT = (0.0, 0.25, 0.5, 0.75, 0.9)  # parts of the spectrum, from the largest


def spectrum(gain, hidden, seed, steps):
    """(H,) exponents without inputs, and the mean of ln φ′."""
    setting = Configuration(
        init="gaussian", hidden=hidden, gain=gain, seed=seed, dtype="float64", length=2
    )
    layer = setting.build().network.layer
    x = np.zeros((steps + SETTLING, 1, layer.inputs))
    h0 = np.random.default_rng(seed).standard_normal((1, hidden))
    trace = layer.forward(x, h0)
    found = bptt.lyapunov(trace, skip=SETTLING)
    # the rows are carried back: the last SETTLING steps are not counted, and the first ones are not typical
    z = np.abs(trace.h[:steps, 0] @ layer.W_R.T)  # ln tanh′ to full accuracy
    slopes = 2 * (np.log(2) - z - np.log1p(np.exp(-2 * z))).mean()
    return found.exponents, float(slopes), float(np.linalg.slogdet(layer.W_R)[1] / hidden)


def kaplan_yorke(exponents):
    """Attractor dimension: how many exponents add up to zero."""
    sums = np.cumsum(exponents)
    whole = int((sums > 0).sum())
    if whole == 0:
        return 0.0
    if whole == len(exponents):
        return float(whole)
    return float(whole + sums[whole - 1] / abs(exponents[whole]))


def of_matrices(gain, x):
    """λ at the part x of the spectrum of products of free matrices diag(φ′) W_R: -½ ln S(-x), S their S-transform (Kargin 2008).

    The slopes φ′ are those of mean field; W_R is gaussian, of which S(z) = 1 / (σ² (1 + z)).
    """
    q = mean_field(gain).q
    xi = np.linspace(-9, 9, 6001)
    weight = np.exp(-xi * xi / 2)
    d2, weight = np.cosh(np.sqrt(q) * xi) ** -4.0, weight / weight.sum()
    if x == 0:
        return 0.5 * np.log(gain**2 * (weight @ d2))

    def excess(log):
        z = -np.exp(log)
        return weight @ (z * d2 / (1 - z * d2)) + x

    chi = -np.exp(brentq(excess, -60, 600))
    s = chi * (1 - x) / -x
    return float(0.5 * np.log(gain**2 * (1 - x)) - 0.5 * np.log(s))


def run(quick):
    """Every gain and size."""
    hidden, seeds, steps = (HIDDEN, SEEDS, STEPS) if not quick else ((32, 64), 2, 150)
    runs = []
    for gain in GAINS:
        for H in hidden:
            found = [spectrum(gain, H, seed, steps) for seed in range(seeds)]
            exponents = np.array([each[0] for each in found])
            dimension = [kaplan_yorke(each) / H for each in exponents]
            runs.append({
                "gain": gain, "hidden": H, "at": [float(exponents[:, int(part * H)].mean()) for part in AT],
                "stderr": float(exponents[:, 0].std(ddof=1) / seeds**0.5), "dimension": float(np.mean(dimension)),
                "dimension_stderr": float(np.std(dimension, ddof=1) / seeds**0.5),
                "mean": float(exponents.mean()), "mean_theory": float(np.mean([s + d for _, s, d in found])),
                "theory": [float(of_matrices(gain, part)) for part in AT],
            })  # fmt: skip
    return {"parts": AT, "runs": runs}
