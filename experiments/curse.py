"""(i) Zucchet & Orvieto 2024, the curse of memory: the gradient of the recurrent weight grows with the memory though nothing explodes.

python -m experiments curse
"""

import numpy as np

import bptt

WEIGHTS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
UNITS, SEEDS, MEMORIES = (
    256,
    8,
    12,
)  # units alone with their weight each; steps, in units of 1 / (1 - λ)


def one(weight, seed, units):
    """(units,) state and derivative of h_T = λ h_{T-1} + x_T, each unit with white inputs of its own."""
    T = int(max(40, MEMORIES / (1 - weight)))
    eye = np.eye(units)
    layer = bptt.RNN(eye, weight * eye, np.zeros(units), "identity")
    x = np.random.default_rng([seed, T]).standard_normal((T, 1, units))
    trace = layer.forward(x)
    dh = np.zeros((T, 1, units))
    dh[-1] = 1
    profile = bptt.by_lag(trace, dh)
    return (
        trace.h[-1, 0],
        np.diag(profile.dW_R),
        float(10 ** ((profile.log10_signal[-1] - profile.log10_signal[0]) / (T - 1))),
    )


def run(quick):
    """E[h²] and E[(∂h/∂λ)²] beside the paper's formulas."""
    units, seeds = (UNITS, SEEDS) if not quick else (64, 2)
    runs = []
    for weight in WEIGHTS:
        found = [one(weight, seed, units) for seed in range(seeds)]
        states = np.concatenate([h for h, _, _ in found]) ** 2
        slopes = np.concatenate([d for _, d, _ in found]) ** 2
        runs.append({
            "weight": weight, "networks": len(states), "state": states.mean(), "state_stderr": states.std() / len(states) ** 0.5,
            "slope": slopes.mean(), "slope_stderr": slopes.std() / len(slopes) ** 0.5, "per_step": found[0][2],
            "state_theory": 1 / (1 - weight**2), "slope_theory": (1 + weight**2) / (1 - weight**2) ** 3,
        })  # fmt: skip
    return {"runs": runs}
