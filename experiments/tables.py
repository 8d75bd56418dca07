"""The tables of docs/experiments.md, and those of docs/prognosis.md that are the same, from the stored results: python -m experiments.tables."""

from pathlib import Path

import numpy as np
from benchmarks.tables import markdown
from docs import marked

from bptt.diagnosis import VERDICTS
from experiments import foretold_tables, published_tables
from experiments.ranks import spearman
from experiments.running import stored

PAGE, PROGNOSIS = (
    Path(__file__).parent.parent / "docs" / f"{name}.md" for name in ("experiments", "prognosis")
)


def _groups(runs, *keys):
    """Runs by the values of keys, in the order they came."""
    groups = {}
    for run in runs:
        groups.setdefault(tuple(run[key] for key in keys), []).append(run)
    return groups


def _mean(values):
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def _power(log10):
    return "0" if log10 <= -300 else f"1e{log10:.1f}" if log10 < -1 else f"{10**log10:.2f}"


def reach(result):
    """What was measured before, what was learnt."""
    rows = []
    for (network, T), runs in _groups(result["runs"], "network", "length").items():
        solved = [run for run in runs if run["solved"]]
        rows.append([
            network, str(T), f"{_mean(r['horizon'] for r in runs):.0f}",
            _power(_mean(r["log10_attenuation"] for r in runs)),
            f"{_mean(r['remembered'] for r in runs):.2f}",
            f"{len(solved)} of {len(runs)}",
            f"{_mean(r['updates'] for r in solved):.0f}" if solved else "",
            f"{_mean(r['loss'] for r in runs):.3f}",
        ])  # fmt: skip
    head = [
        "network",
        "T",
        "horizon",
        "signal at lag T/2",
        "R² at lag T/2",
        "solved",
        "at update",
        "loss",
    ]
    return markdown(head, rows)


def correlation(result):
    """Does a measurement before training order the networks by what they learn?"""
    rows = []
    runs = [run for run in result["runs"] if run["loss"] is not None]
    for label, some in (
        *((f"T = {T}", [r for r in runs if r["length"] == T]) for T in sorted({r["length"] for r in runs})),
        ("all lengths", runs),
        ("plain RNNs, all lengths", [r for r in runs if r["network"][:4] in ("tanh", "relu")]),
    ):  # fmt: skip
        # The share of the updates used: a network that solves the task early has learnt more than a late one.
        learnt = [r["updates"] / result["updates"] if r["solved"] else 1 + r["loss"] for r in some]
        reach = [-abs(r["log10_attenuation"]) for r in some]
        horizon = [r["horizon"] / r["length"] for r in some]
        memory = [r["remembered"] for r in some]
        numbers = [-spearman(x, learnt) for x in (horizon, reach, memory)]
        rows.append([label, str(len(some)), *("" if np.isnan(n) else f"{n:.2f}" for n in numbers)])
    head = ["", "networks", "horizon / T", "signal kept at lag T/2", "R² at lag T/2"]
    return markdown(head, rows)


def verdicts(result):
    """How often the verdict before training was right."""
    rows = []
    for verdict in VERDICTS:
        runs = [run for run in result["runs"] if run["verdict"] == verdict]
        solved = sum(run["solved"] for run in runs)
        if runs:
            rows.append([verdict, str(len(runs)), str(solved), str(len(runs) - solved)])
    return markdown(["verdict before training", "networks", "learnt", "did not"], rows)


def remedy(result):
    """Success before and after."""
    rows = []
    keys = "through", "name", "length", "cell"
    for (through, name, T, cell), runs in _groups(result["runs"], *keys).items():
        first = [run["ranked"][0] for run in runs]
        names = ", ".join(f"{own} ({first.count(own)})" for own in dict.fromkeys(first))
        before = sum(run["before"]["solved"] for run in runs)
        # Where the network as it is stands first, that is what is trained.
        after = [run.get("after", run["before"])["solved"] for run in runs]
        as_it_is, with_it = (f"{n} of {len(runs)}" for n in (before, sum(after)))
        rows.append([f"{name} {T}", cell, through, as_it_is, names, with_it, _cost(runs)])
    heads = ["work", "cell", "through", "solved as it is", "ranked first (seeds)", "solved with it", "ranking, of a training"]  # fmt: skip
    return markdown(heads, rows)


def _cost(runs):
    """Of a ranking, in the time of the training that it is for: median and range; nothing where it was not timed."""
    parts = [run["part"] for run in runs if "part" in run]
    return f"{np.median(parts):.2f} ({min(parts):.2f} to {max(parts):.2f})" if parts else ""


def others(result):
    """What the candidate that is ranked first does for an LSTM, and what others do."""
    lengths = {run["length"] for run in result["others"]}
    first = [
        {"length": run["length"], "remedy": run["ranked"][0], **run["after"]}
        for run in result["runs"]
        if run["through"] != "PyTorch" and (run["name"], run["cell"], run["seed"]) == ("adding", "lstm", 0)
        and run["length"] in lengths and "after" in run
    ]  # fmt: skip
    rows = [
        [f"adding {run['length']}", run["remedy"],
         f"after {run['updates']}" if run["solved"] else "no", f"{run['score']:.4f}"]
        for run in sorted(first + result["others"], key=lambda run: run["length"])
    ]  # fmt: skip
    return markdown(["work", "candidate", "solved", "squared error"], rows)


def pascanu(result):
    """Success by length."""
    groups = _groups(result["runs"], "method", "length")
    lengths = sorted({T for _, T in groups})
    rows = [
        [
            method,
            *(
                f"{sum(r['solved'] for r in groups[method, T])} of {len(groups[method, T])}"
                for T in lengths
            ),
        ]
        for method in dict.fromkeys(method for method, _ in groups)
    ]
    return markdown(["", *(f"T = {T}" for T in lengths)], rows)


def long(result):
    """One network on sequences longer than it was trained on."""
    runs = [run for run in result["long"] if run.get("by_length")]
    lengths = list(runs[0]["by_length"]) if runs else []
    rows = [
        [str(run["seed"]), str(run["updates"]), *(f"{a:.1%}" for a in run["by_length"].values())]
        for run in runs
    ]
    return markdown(["seed", "updates", *(f"T = {T}" for T in lengths)], rows)


def truncation(result):
    """Bias against bits."""
    rows = [
        [
            cell, str(K), f"{_mean(r['bias_before'] for r in runs):.0%}",
            f"{_mean(r['bias_after'] for r in runs):.0%}", f"{_mean(r['bits'] for r in runs):.3f}",
            str(runs[0]["updates"]),
        ]
        for (cell, K), runs in _groups(result["runs"], "cell", "length").items()
    ]  # fmt: skip
    head = [
        "cell",
        "K",
        "bias before training",
        "bias after",
        "bits per character",
        "updates",
    ]
    return markdown(head, rows)


def horizon(result):
    """The course of training."""
    rows = [
        [
            run["cell"], str(p["updates"]), f"{p['bits']:.2f}", str(p["horizon"]),
            _power(p["log10_attenuation"]), f"{p['rate']:.3f}",
        ]
        for run in result["runs"]
        for p in run["points"]
    ]  # fmt: skip
    return markdown(
        ["cell", "updates", "bits per character", "horizon", "signal at lag 50", "rate"], rows
    )


def crossings(result):
    """A row per input variance, a column per width."""
    widths = sorted({run["hidden"] for run in result["runs"]})
    rows = []
    for (variance,), runs in _groups(result["runs"], "input_variance").items():
        by = {run["hidden"]: run for run in runs}
        cells = [f"{by[H]['gain']:.3f} ± {by[H]['stderr']:.3f}" if H in by else "" for H in widths]
        rows.append([f"{variance:g}", *cells, f"{runs[0]['theory']:.3f}"])
    return markdown(["input variance", *(f"H = {H}" for H in widths), "mean field"], rows)


TABLES = {
    "reach": reach, "correlation": correlation, "verdicts": verdicts, "remedy": remedy, "others": others,
    "pascanu": pascanu, "long": long, "truncation": truncation, "horizon": horizon,
    "crossings": crossings,
} | foretold_tables.TABLES | published_tables.TABLES  # fmt: skip
OF = {
    "reach": ("reach", "correlation", "verdicts"),
    "development": ("foretold development", "misses adding"),
    "rivals": ("rivals",),
    "held_out": ("foretold", "marks", "reliability", "calls", "misses", "foretold text", "cost"),
    "unseen": (
        "foretold unseen",
        "marks unseen",
        "reliability unseen",
        "calls unseen",
        "misses unseen",
    ),
    "remedy": ("remedy", "others"),
    "pascanu": ("pascanu", "long"),
    "truncation": ("truncation",),
    "horizon": ("horizon",),
    "crossings": ("crossings",),
} | {name: (name,) for name in published_tables.TABLES}


def filled(page):
    """The page with every table that it has a place for and that has a result."""
    for name, tables in OF.items():
        result = stored(name)
        for table in tables if result else ():
            if f"<!-- experiment {table} -->" in page:
                page = marked.filled(page, f"experiment {table}", TABLES[table](result))
        minutes = f"{name} minutes"
        # None: parts were run apart.
        if result and result["minutes"] is not None and f"<!-- experiment {minutes} -->" in page:
            page = marked.filled(
                page, f"experiment {minutes}", f"It took {result['minutes']:g} minutes."
            )
    return page


def write():
    """Write them."""
    for path in (PAGE, PROGNOSIS):
        path.write_text(filled(path.read_text()))


if __name__ == "__main__":
    write()
