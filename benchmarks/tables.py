"""The tables of the pages, from what the benchmarks stored.

python -m benchmarks.tables      # writes them
"""

import json
from pathlib import Path

from docs.marked import filled

from benchmarks.accelerate import flops

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
RESULTS, LARGE, AHEAD, ACCELERATED, STEPS, SCANS, PARTS = (
    HERE / "results" / f"{name}.json"
    for name in ("speed", "large", "ahead", "accelerate", "steps", "scans", "parts")
)
OF_A_RUN = "gradient", "memory", "by_lag", "growth", "long", "watching", "machine"
STORED = {
    RESULTS: {DOCS / "speed.md": OF_A_RUN},
    PARTS: {DOCS / "speed.md": ("parts",)},
    LARGE: {DOCS / "pytorch.md": ("large",)},
    AHEAD: {DOCS / "prognosis.md": ("ahead",)},
    ACCELERATED: {DOCS / "accelerate.md": ("accelerate",)},
    SCANS: {DOCS / "recurrences.md": ("scans",)},
    STEPS: {DOCS / "pytorch.md": ("steps",)},
}  # result: the tables of it on each page
NAMES = {"torch": "PyTorch", "jax": "JAX", "numpy": "NumPy loops", "bptt": "bptt"}


def number(value):
    """Three digits at most."""
    if value < 10:
        return f"{value:.2f}" if value < 1 else f"{value:.1f}"
    return f"{value:,.0f}"


def markdown(head, rows):
    """A table."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def floor(result, flops):
    """Milliseconds of the products alone at the fastest speed measured."""
    return 1e-6 * flops / max(result["peak_gflops"].values())


def gradient(result):
    """Forward + backward."""
    rows = []
    for row in result["gradient"]:
        ms = row["ms"]
        ahead = min(ms["torch"], ms["jax"]) / ms["bptt"]
        sizes = ", ".join(map(str, result["shapes"][row["shape"]].values()))
        rows.append([
            row["cell"], f"{row['shape']}: {sizes}",
            *(number(ms[name]) for name in ("bptt", "torch", "jax", "numpy")),
            number(floor(result, row["flops"])), f"{ahead:.1f}",
        ])  # fmt: skip
    head = [
        "",
        "T, B, I, H",
        "bptt",
        "PyTorch",
        "JAX",
        "NumPy loops",
        "floor",
        "× the better rival",
    ]
    return markdown(head, rows)


def parts(result):
    """Where the time goes, each part beside its floor."""
    rows = []
    for row in result["rows"]:
        ms, floors = row["ms"], row["floor"]
        least = sum(floors.values()) + row["functions"]
        rows.append([
            row["cell"], row["shape"], *(f"{number(ms[name])} ({number(low)})" for name, low in floors.items()),
            number(ms["rest"]), number(ms["all"]), f"{number(least - row['functions'])} + {number(row['functions'])}",
            f"{ms['all'] / least:.2f}",
        ])  # fmt: skip
    head = ["", "", *result["rows"][0]["floor"], "rest", "all", "products + functions", "×"]
    return markdown(head, rows)


def memory(result):
    """Peak memory of forward + backward."""
    rows = [
        [row["cell"], row["shape"], *(number(row["mb"][name]) for name in ("bptt", "torch", "jax")),
         f"{row['mb']['bptt'] / row['mb']['torch']:.2f}"]
        for row in result["gradient"]
    ]  # fmt: skip
    return markdown(["", "", "bptt", "PyTorch", "JAX", "bptt / PyTorch"], rows)


def by_lag(result):
    """The decomposition."""
    rows = []
    for row in result["by_lag"]:
        low = floor(result, row["flops"])
        sizes = ", ".join(map(str, result["shapes"][row["shape"]].values()))
        for name, ms in row["ms"].items():
            label = {"torch": "PyTorch, T backward passes", "jax": "JAX, vmapped VJP"}
            rows.append([
                row["cell"], sizes, label.get(name, "bptt by_lag" if name == "bptt" else NAMES[name]),
                number(ms), number(low), f"{ms / low:.1f}", f"{ms / row['ms']['bptt']:.1f}",
            ])  # fmt: skip
    return markdown(["", "T, B, I, H", "", "ms", "floor, ms", "× floor", "× bptt"], rows)


def growth(result):
    """How time grows with T, H and B."""
    parts = []
    for axis in ("T", "H", "B"):
        rows_of_axis = [row for row in result["growth"] if row["axis"] == axis]
        place = "TBIH".index(axis)
        values = sorted({row["shape"][place] for row in rows_of_axis})
        fixed = ", ".join(
            f"{n} = {v}" for n, v in zip("TBIH", rows_of_axis[0]["shape"], strict=True) if n != axis
        )
        rows = []
        for cell in ("RNN", "GRU", "LSTM"):
            for name in ("bptt", "torch", "jax"):
                ms = {
                    row["shape"][place]: row["ms"][name]
                    for row in rows_of_axis
                    if row["cell"] == cell
                }
                rows.append([cell, NAMES[name], *(number(ms[v]) for v in values)])
        head = [fixed, "", *(f"{axis} = {v:,}" for v in values)]
        parts.append(markdown(head, rows))
    return "\n\n".join(parts)


def long(result):
    """Long sequences."""
    rows = []
    for row in result["long"]:
        s = row["sizes"]
        label = {"by_lag": f"by_lag, lags 0 to {s.get('max_lag')}", "all states kept": "gradient, all states kept",
                 "checkpoint_every": "gradient, checkpoint_every=1000"}[row["job"]]  # fmt: skip
        rows.append([label, row["cell"], f"{s['T']:,}", number(row["mb"]), number(row["seconds"])])
    return markdown(["B = 1, I = 8, H = 64", "", "T", "MB", "s"], rows)


def watching(result):
    """What looking costs."""
    d, m = result["watching"]["diagnosing"], result["watching"]["monitoring"]
    rows = [
        ["bptt.diagnose, all lags: 2-layer nn.LSTM(256), 32 sequences of 100 steps",
         number(d["update_ms"]), number(d["diagnose_ms"]), f"{d['ratio']:.0f} updates"],
        ["bptt.Monitor, every=200, 8 sequences of 100 steps: nn.LSTM(128), trained on 32",
         number(m["update_ms"]), number(m["measurement_ms"]), f"{m['share']:.1%} of the time"],
    ]  # fmt: skip
    return markdown(["", "weight update, ms", "measurement, ms", "costs"], rows)


def large(result):
    """Diagnoses of large batches beside training steps."""

    def cost(own):
        return f"{number(own['seconds'])} s, {number(own['bytes'] / 1e6)} MB"

    rows = [
        [name, cost(row["step"]), cost(row["diagnose"]),
         f"{row['diagnose']['seconds'] / row['step']['seconds']:.1f}", row["diagnose"]["taken"]]
        for name, row in result["rows"].items()
    ]  # fmt: skip
    if "largest" in result:
        row = result["largest"]
        tenth, own = row["tenth"], row["diagnose"]
        rows.append([
            row["name"], f"{cost(tenth)} for a tenth of the steps", cost(own),
            f"{own['seconds'] / tenth['seconds'] / 10:.1f}", own["taken"],
        ])  # fmt: skip
    trained = "8 sequences; LSTM(128) trained on 32 × 100"
    rows += [
        [f"bptt.Monitor, every=200, {given}{trained}", f"{1e3 * m['step']:.0f} ms",
         f"{1e3 * m['measurement']:.0f} ms", f"{m['share']:.1%} of the time", ""]
        for m, given in ((result["monitor"], ""), (result["monitor with a budget"], "with a budget, "))
    ]  # fmt: skip
    head = [
        "model and batch, loss at every step",
        "training step",
        "bptt.diagnose",
        "steps",
        "taken apart",
    ]
    return markdown(head, rows)


def ahead(result):
    """A prognosis and a ranking beside the training of the budget that they are about."""
    budget = result["budget"]
    rows = [
        [name, f"{1e3 * row['update']:.1f}", f"{budget * row['update']:.1f} s",
         *(f"{row[part] / (budget * row['update']):.1%}" for part in ("prognosis", "ranking"))]
        for name, row in result["rows"].items()
    ]  # fmt: skip
    head = [
        "network, 32 sequences per update",
        "update, ms",
        f"{budget:,} updates",
        "prognosis",
        "ranking of all remedies",
    ]
    return markdown(head, rows)


def accelerate(result):
    """PyTorch's layers and ours in the same model."""
    found = {(row["cell"], row["shape"], row["levels"]): row for row in result["rows"]}
    rows = []
    for cell, shape in dict.fromkeys((cell, shape) for cell, shape, _ in found):
        one, two = (found[cell, shape, levels] for levels in (1, 2))
        products = 1e3 * flops(cell, result["shapes"][shape].values()) / one["flop/s"]

        def ahead(row, what):
            return f"{row[what]['torch'] / row[what]['bptt']:.2f}"

        rows.append([
            cell, ", ".join(map(str, result["shapes"][shape].values())),
            *(number(one["train"][name]) for name in ("torch", "bptt")),
            number(products), number(one["train"]["rest"]), number(one["train"]["torch"] / (products + one["train"]["rest"])),
            ahead(one, "train"), ahead(two, "train"), ahead(one, "infer"), ahead(two, "infer"),
        ])  # fmt: skip
    head = ["", "T, B, I, H", "PyTorch, ms", "accelerated, ms", "products alone, ms", "rest, ms", "at most ×",
            "×", "×, 2 levels",
            "× without gradients", "the same, 2 levels"]  # fmt: skip
    return markdown(head, rows)


def steps(result):
    """Steps of one's own: the walk by lag beside backward passes of the step."""
    rows = [
        [
            f"{name}; {row['T']} steps × {row['B']} sequences, {row['H']} units",
            f"{row['backward']:.2g}", f"{row['attention']:.2g}" if row["attention"] else "",
            f"{row['walk']:.2g}", f"{row['walk'] / (row['backward'] + row['attention']):.1f}",
            f"{row['diagnose'] / row['training']:.0f}",
        ]
        for name, row in result["rows"].items()
    ]  # fmt: skip
    head = [
        "",
        "T backward passes of the step, s",
        "of the attention, s",
        "the walk by lag, s",
        "over both",
        "bptt.diagnose, in training steps",
    ]
    return markdown(head, rows)


def scans(result):
    """All lags of a linear recurrence beside a training step."""
    shape, step, own = result["shape"], result["step"], result["diagnose"]
    name = f"MambaMixer, width {shape['width']}, T = {shape['T']}, B = {shape['B']}"
    costs = [f"{number(row['seconds'])} s, {number(row['bytes'] / 1e6)} MB" for row in (step, own)]
    head = ["block, loss at every step", "training step", "bptt.diagnose, all lags", "steps"]
    return markdown(head, [[name, *costs, f"{own['seconds'] / step['seconds']:.1f}"]])


def machine(result):
    """What the numbers depend on."""
    m, minutes = result["machine"], number(result["minutes"])
    speeds = ", ".join(
        f"{NAMES[name]} {speed:.0f}" for name, speed in result["peak_gflops"].items()
    )
    return (
        f"Medians of one run, {result['dtype']}, {result['threads']} threads each on {m['cores']} cores "
        f"({m['architecture']}). bptt {m['bptt']}; NumPy {m['numpy']}; PyTorch {m['torch']}; JAX {m['jax']}; "
        f"Python {m['python']}. A 2048 × 2048 product, GFLOP/s: {speeds}. The whole of `make bench` took {minutes} minutes."
    )


def pages():
    """Every page as it should be: path and text."""
    for stored, names_of in STORED.items():
        result = json.loads(stored.read_text())
        for path, names in names_of.items():
            text = path.read_text()
            for name in names:
                text = filled(text, f"bench {name}", globals()[name](result))
            yield path, text


def write():
    """Put the tables into the pages."""
    for path, text in pages():
        path.write_text(text)


if __name__ == "__main__":
    write()
