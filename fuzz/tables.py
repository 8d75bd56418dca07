"""python -m fuzz.tables [FILE ...]: the stored run, or runs that were kept put together, and the figures in docs/reliability.md."""

import json
import os
import platform
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

from docs.marked import filled

from fuzz.running import kept, together

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
NAMES = {
    "forward": "states and gates, each step",
    "dW_R": "dW_R",
    "G_k": "G_k, every lag",
    "log10_norm": "log10 ‖G_k‖",
    "share": "shares",
    "rest": "what lies beyond the largest lag",
    "log10_signal": "log10 of the signal",
    "bias": "truncation: bias",
    "cosine": "truncation: cosine",
    "by_step": "gradient by step",
    "total": "error of the state, each step",
    "truncated_bptt": "truncated BPTT(k1, k2)",
    "lyapunov": "the first Lyapunov exponent",
    "spectrum": "the whole Lyapunov spectrum, its errors",
    "memory": "memory function",
    "mean_field": "mean field",
    "reach": "prognosis: reach",
    "agreement": "prognosis: agreement, its rate, its errors",
    "form": "prognosis: form",
}


def store(run):
    """Keep a run, and write its figures."""
    from bptt import kernels

    RESULTS.write_text(json.dumps({
        "date": date.today().isoformat(), "seed": run.seed, "networks": run.tried, "refused": run.refused,
        "beyond": run.beyond,
        "wrong": run.wrong, "minutes": round(run.seconds / 60, 1), "kinds": dict(sorted(run.kinds.items())),
        "numbers": dict(sorted(run.numbers.items())),
        "worst": {name: float(f"{units:.3g}") for name, units in sorted(run.worst.items())},
        "machine": {
            "architecture": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version(),
            "bptt": f"{version('bptt') if _installed() else 'source'}, {kernels.path()}", "numpy": version("numpy"),
        },
    }, indent=1, ensure_ascii=False) + "\n")  # fmt: skip
    write()


def _installed():
    try:
        return bool(version("bptt"))
    except ImportError:
        return False


def table(result):
    """What was tried, what was fine and what was wrong."""
    wrong = len(result["wrong"])
    rows = [
        f"{result['networks']:,} networks of seed {result['seed']}, {sum(result['numbers'].values()):,} numbers: "
        f"**{result['networks'] - wrong:,} fine, {wrong:,} wrong**. {result['refused']:,} of them overflow in their forward "
        f"pass, and say so; in {result['beyond']:,} the gradient of a layer is smaller than what its type can hold beside the "
        f"rest, which is refused. {result['minutes']:g} minutes of one processor, {result['date']}; NumPy "
        f"{result['machine']['numpy']}, bptt {result['machine']['bptt']}.",
        "",
        "| quantity | compared | largest difference |",
        "|---|---:|---:|",
        *(
            f"| {NAMES[name]} | {result['numbers'][name]:,} | {result['worst'][name]:.2g} |"
            for name in NAMES if name in result["numbers"]
        ),
        "",
        "Among them: " + ", ".join(f"{name} {n:,}" for name, n in result["kinds"].items()) + ".",
    ]  # fmt: skip
    return "\n".join(rows)


def page(result, text):
    """The page with the figures of a result."""
    return filled(text, "fuzz", table(result))


def write():
    """The stored figures into the page."""
    PAGE.write_text(page(json.loads(RESULTS.read_text()), PAGE.read_text()))


if __name__ == "__main__":
    if sys.argv[1:]:
        store(together([kept(Path(name)) for name in sys.argv[1:]]))
    write()
