"""Tables of published results that were measured again, and of theory beside measurement."""

import numpy as np
from benchmarks.tables import markdown

LEARNT = 0.95  # of the symbols, or of the sequences


def _with_error(value, error, form="{:+.3f}"):
    return f"{form.format(value)} ± {error:.3f}"


def gates(result):
    """λ₁ and isometry as measured and as predicted, a row per cell, bias and gain."""
    rows = [
        [
            run["cell"].upper(), f"{run['bias']:g}", f"{run['gain']:g}", _with_error(run["lyapunov"], run["lyapunov_stderr"]),
            _with_error(run["rate"], run["rate_stderr"]), f"{run['rate_theory']:+.3f}",
            f"{run['isometry']:.2f} ± {run['isometry_stderr']:.2f}", f"{run['isometry_theory']:.2f}",
        ]
        for run in sorted(result["runs"], key=lambda r: (r["cell"], r["bias"], r["gain"]))
    ]  # fmt: skip
    head = [
        "cell",
        "bias",
        "gain",
        "λ₁, measured",
        "decay of the signal, measured",
        "mean field",
        "spread of squared singular values",
        "mean field",
    ]
    return markdown(head, rows)


def curse(result):
    """Second moments as measured and by the formulas."""
    rows = [
        [
            f"{run['weight']:g}", f"{run['per_step']:.3f}",
            f"{run['state']:.3g} ± {run['state_stderr']:.1g}", f"{run['state_theory']:.3g}",
            f"{run['slope']:.4g} ± {run['slope_stderr']:.2g}", f"{run['slope_theory']:.4g}",
        ]
        for run in result["runs"]
    ]  # fmt: skip
    head = ["λ", "signal per step back", "E[h²]", "paper's", "E[(∂h/∂λ)²]", "paper's"]
    return markdown(head, rows)


def spectrum(result):
    """Exponents at some parts of the spectrum, a row per gain and size, and theory."""
    rows = []
    for gain in dict.fromkeys(run["gain"] for run in result["runs"]):
        some = [run for run in result["runs"] if run["gain"] == gain]
        for run in some:
            rows.append([
                f"{gain:g}", str(run["hidden"]), *(f"{value:+.3f}" for value in run["at"]),
                _with_error(run["dimension"], run["dimension_stderr"], "{:.3f}"),
                f"{run['mean']:+.4f}", f"{run['mean_theory']:+.4f}",
            ])  # fmt: skip
        rows.append([f"{gain:g}", "random matrices", *(f"{v:+.3f}" for v in some[0]["theory"]), "", "", ""])  # fmt: skip
    parts = ["λ₁" if part == 0 else f"at {part:.0%}" for part in result["parts"]]
    head = ["gain", "units", *parts, "dimension / units", "mean of all", "⟨ln φ′⟩ + ln abs det W_R / units"]  # fmt: skip
    return markdown(head, rows)


def adaptive(result):
    """Decay and windows over the course of training, the median over the seeds."""
    rows = []
    for name in dict.fromkeys(run["name"] for run in result["runs"]):
        some = [run for run in result["runs"] if run["name"] == name]
        for n, point in enumerate(some[0]["points"]):
            at = [run["points"][n] for run in some]
            cells = [
                f"{_median(p['estimated'][k] for p in at)} / {_median(p['exact'][k] for p in at)}"
                for k in range(len(result["biases"]))
            ]
            rows.append([
                name, str(point["updates"]), f"{np.median([p['score'] for p in at]):.2f}",
                f"{np.median([p['beta'] for p in at]):.2f}", f"{np.median([p['fit'] for p in at]):.3f}", *cells,
            ])  # fmt: skip
    head = ["task", "updates", "score", "β", "R² of the line", *(f"K for δ = {b:g}: paper's estimate / exact" for b in result["biases"])]  # fmt: skip
    return markdown(head, rows)


def windows(result):
    """Which windows learn."""
    rows = []
    for name in dict.fromkeys(run["name"] for run in result["runs"]):
        kinds = dict.fromkeys((r["K"], r["bias"]) for r in result["runs"] if r["name"] == name)
        for K, bias in kinds:
            some = [r["points"] for r in result["runs"] if (r["name"], r["K"], r["bias"]) == (name, K, bias)]  # fmt: skip
            learnt = [p for p in map(_learnt, some) if p is not None]
            first, last = (np.median([points[n]["K"] for points in some]) for n in (0, -1))
            rows.append([
                name, f"K = {K}" if bias is None else f"K for δ = {bias:g}", f"{first:g}", f"{last:g}",
                f"{len(learnt)} of {len(some)}", f"{np.median(learnt):g}" if learnt else "",
                f"{np.median([points[-1]['score'] for points in some]):.2f}",
            ])  # fmt: skip
    head = ["task", "window", "K at first", "K at last", "learn", "after", "score at last"]
    return markdown(head, rows)


def _learnt(points):
    """The updates after which nearly all is right, or None."""
    return next((p["updates"] for p in points if p["score"] >= LEARNT), None)


def _median(values):
    known = [value for value in values if value is not None]
    return f"{np.median(known):g}" if known else "none"


TABLES = {
    "gates": gates, "curse": curse, "spectrum": spectrum, "adaptive": adaptive, "windows": windows,
}  # fmt: skip
