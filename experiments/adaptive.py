"""(k) Aicher, Foti & Fox 2019: the gradient by lag decays geometrically, and the window K for a tolerable bias follows it as a network learns.

python -m experiments adaptive

The network is that of the paper's synthetic copy, an LSTM of two layers of 50 units; Adam and whole sequences in the place of SGD and windows.
"""

import tempfile

import numpy as np

import bptt
from bptt.data import tasks
from bptt.training import Adam, evaluate, train
from experiments.running import in_parallel

TASKS = {"copy": (tasks.copy, 10), "temporal order": (tasks.order2, 30)}
LAYERS, HIDDEN, RATE, MARKS, SEEDS = 2, 50, 5e-3, (0, 300, 1000, 3000), 3
BIASES = (0.9, 0.5, 0.1)  # the paper's δ
MEASURED = 64  # sequences


def straight(log_norm, first):
    """(ln β, R²) of the line through the logarithms from a lag on, by least squares."""
    lags = np.arange(first, len(log_norm))
    y = log_norm[first:]
    slope, level = np.polyfit(lags, y, 1)
    left = y - slope * lags - level
    return float(slope), float(1 - left.var() / y.var())


def estimated(norms, kept, log_beta, tau, bias):
    """The paper's K: the smallest whose estimated relative bias is at most δ; None if none is.

    Beyond τ the norms φ_k are taken to fall as φ_τ β^(k - τ). What is cut off is at most their sum; the whole is at least what
    is kept, the size of the lags 0 .. k together, less what is cut off.
    """
    if log_beta >= 0:
        return None
    K = np.arange(1, len(norms) + 1)
    beyond = norms[tau] / (1 - np.exp(log_beta))
    ahead = np.array([norms[k:tau].sum() for k in K])
    cut = np.where(K < tau, ahead + beyond, beyond * np.exp(np.minimum(0, (K - tau) * log_beta)))
    whole = (kept - cut).max()
    fits = np.flatnonzero(cut <= bias * whole)
    return int(K[fits[0]]) if whole > 0 and len(fits) else None


def one(name, seed, marks):
    """Trained from mark to mark, measured at each."""
    task, length = TASKS[name]
    task = task(length)
    network = bptt.Network.init(
        task.inputs, HIDDEN, task.outputs, "pytorch", cell="lstm", layers=LAYERS,
        loss=task.loss, loss_at=task.loss_at, rng=seed,
    )  # fmt: skip
    batch = task.batch(MEASURED, np.random.default_rng([seed, 1]), held_out=True).arguments(
        "float32"
    )
    optimiser, points = Adam(RATE), []
    with tempfile.TemporaryDirectory() as folder:
        for mark in marks:
            if mark:
                network = train(
                    network, task, updates=mark, optimiser=optimiser, clip=1.0, seed=seed,
                    checkpoint=f"{folder}/run.safetensors", resume=len(points) > 1,
                ).network  # fmt: skip
            profile = bptt.diagnose(
                network, batch, needed_lag=task.needed_lag
            ).diagnosis.decisive.profile
            log_norm = np.log(10) * profile.log10_norm[np.isfinite(profile.log10_norm)]
            tau = len(log_norm) // 2
            log_beta, fit = straight(log_norm, tau)
            norms = np.exp(log_norm - log_norm.max())
            kept = np.cumsum(norms)
            points.append({
                "updates": mark, "beta": float(np.exp(log_beta)), "fit": fit, "score": float(evaluate(network, task, (length,))[length]),
                "estimated": [estimated(norms, kept, log_beta, tau, bias) for bias in BIASES],
                "exact": [profile.shortest_truncation(bias) for bias in BIASES],
            })  # fmt: skip
    return {"needed_lag": task.needed_lag, "longest": task.longest_lag, "solved": task.solved, "points": points}  # fmt: skip


def run(quick):
    """Every task and seed."""
    marks, seeds = (MARKS, range(SEEDS)) if not quick else (MARKS[:2], (0,))
    settings = [{"name": name, "seed": seed, "marks": marks} for name in TASKS for seed in seeds]
    return {"biases": BIASES, "runs": in_parallel(one, settings, "(k) adaptive")}
