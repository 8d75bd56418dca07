"""The gradient by lag on shape S1: how far from the machine's limit, and against T autograd passes.

    python benchmarks/by_lag.py            # prints the table, writes results/by_lag.json
    python benchmarks/by_lag.py --docs     # puts the stored table into docs/speed.md

Every contender runs in a process of its own with the same number of threads, in the same run, and is
first compared with the others: a wrong answer is not timed. The floor is the FLOPs of the two matrix
products per lag, 4 B H² Σ_k (T - k), over the speed of a 2048 × 2048 product measured in that process.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "by_lag.json"
DOCS = HERE.parent / "docs" / "speed.md"
T, B, I, H = 100, 32, 64, 128  # S1
THREADS = 2
FLOPS = 4 * B * H * H * sum(range(1, T + 1))


def inputs():
    """Weights, data and errors: the same for everyone."""
    rng = np.random.default_rng(0)
    arrays = {
        "W_F": rng.uniform(-1, 1, (H, I)) / H**0.5,
        "W_R": rng.uniform(-1, 1, (H, H)) / H**0.5,
        "b": rng.uniform(-1, 1, H) / H**0.5,
        "x": rng.normal(size=(T, B, I)),
        "dh": rng.normal(size=(T, B, H)),
    }
    return {name: value.astype(np.float32) for name, value in arrays.items()}


def run_bptt(a):
    """This library."""
    import bptt

    trace = bptt.RNN(a["W_F"], a["W_R"], a["b"]).forward(a["x"])
    exact = bptt.by_lag(trace, a["dh"], keep_matrices=True).matrices
    return exact, lambda: bptt.by_lag(trace, a["dh"])


def run_torch(a):
    """PyTorch: one backward pass per loss step, down to the pre-activations of every earlier step."""
    import torch

    torch.set_num_threads(THREADS)
    W_R = torch.tensor(a["W_R"])
    drive = torch.tensor(a["x"] @ a["W_F"].T + a["b"])
    dh = torch.tensor(a["dh"])

    def forward():
        h, z = [torch.zeros(B, H)], []
        for t in range(T):
            z.append((drive[t] + h[-1] @ W_R.T).requires_grad_())
            h.append(torch.tanh(z[-1]))
        return h, z

    h, z = forward()
    before = torch.stack(h[:-1]).detach()

    def decompose():
        G = torch.zeros(T, H, H)
        for t in range(T):
            dz = torch.autograd.grad((dh[t] * h[t + 1]).sum(), z[: t + 1], retain_graph=True)
            # dz[s] has lag t - s
            G[: t + 1] += torch.bmm(torch.stack(dz).transpose(1, 2), before[: t + 1]).flip(0)
        return G

    return decompose().numpy(), decompose


CONTENDERS = {"bptt by_lag, NumPy": run_bptt, "PyTorch, T backward passes": run_torch}


def measure(name, repeats, out):
    """In a process of its own: the answer, the times and the speed of a matrix product beside them."""
    answer, action = CONTENDERS[name](inputs())
    a = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
    product = np.empty_like(a)
    times, peaks = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        np.matmul(a, a, out=product)
        middle = time.perf_counter()
        action()
        times.append(time.perf_counter() - middle)
        peaks.append(2 * 2048**3 / (middle - start))
    np.savez(out, answer=answer, times=times, peaks=peaks)


def main():
    """Run everything, compare, print, store."""
    environment = os.environ | dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(THREADS)
    )
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(CONTENDERS):
            out = Path(folder) / f"{number}.npz"
            repeats = "31" if number == 0 else "7"
            command = [sys.executable, __file__, "--contender", name, repeats, str(out)]
            subprocess.run(command, check=True, env=environment)
            with np.load(out) as arrays:
                measured[name] = dict(arrays)
    ours, *others = measured.values()
    for other in others:  # agreement comes first
        difference = np.abs(other["answer"] - ours["answer"]).max() / np.abs(ours["answer"]).max()
        assert difference < 1e-4, difference
    peak = float(np.median(ours["peaks"]))
    floor = FLOPS / peak
    first = float(np.median(ours["times"]))
    rows = [{"name": "floor: FLOPs over the matrix-product peak", "ms": 1e3 * floor}] + [
        {"name": name, "ms": 1e3 * float(np.median(m["times"]))} for name, m in measured.items()
    ]
    for row in rows:
        row["over_floor"] = row["ms"] / (1e3 * floor)
        row["over_bptt"] = row["ms"] / (1e3 * first)
    result = {
        "shape": {"T": T, "B": B, "I": I, "H": H},
        "threads": THREADS,
        "dtype": "float32",
        "peak_gflops": peak / 1e9,
        "machine": machine(),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))
    write_docs(result)


def machine():
    """What the numbers depend on."""
    from importlib.metadata import version

    from threadpoolctl import threadpool_info

    blas = next(p for p in threadpool_info() if p["user_api"] == "blas")
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "torch": version("torch"),
        "blas": f"{blas['internal_api']} {blas['version']} {blas['architecture']}",
    }


def table(result):
    """Markdown, from what is stored."""
    lines = ["| | ms | × floor | × bptt |", "|---|---|---|---|"]
    for row in result["rows"]:
        lines.append(
            f"| {row['name']} | {row['ms']:.0f} | {row['over_floor']:.1f} | {row['over_bptt']:.1f} |"
        )
    m = result["machine"]
    lines += [
        "",
        f"Medians of one run, float32, {result['threads']} threads on {m['cores']} cores "
        f"({m['architecture']}), matrix-product peak {result['peak_gflops']:.0f} GFLOP/s, "
        f"{m['blas']}, NumPy {m['numpy']}, PyTorch {m['torch']}, Python {m['python']}.",
    ]
    return "\n".join(lines)


def write_docs(result):
    """Replace the part of docs/speed.md between its two marks."""
    before, rest = DOCS.read_text().split("<!-- by_lag -->\n")
    _, after = rest.split("<!-- end -->")
    DOCS.write_text(f"{before}<!-- by_lag -->\n{table(result)}\n<!-- end -->{after}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contender", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--docs", action="store_true", help="only rewrite docs/speed.md")
    arguments = parser.parse_args()
    if arguments.contender:
        measure(arguments.contender[0], int(arguments.contender[1]), arguments.contender[2])
    elif arguments.docs:
        write_docs(json.loads(RESULTS.read_text()))
    else:
        main()
