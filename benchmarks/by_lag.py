"""The gradient by lag: how far from the machine's limit, against T autograd passes, and its memory.

    python benchmarks/by_lag.py            # prints the table, writes results/by_lag.json
    python benchmarks/by_lag.py --docs     # puts the stored table into docs/speed.md

Every contender runs in a process of its own with the same number of threads, in the same run. Answers come
first and are compared, then everyone is timed: a wrong answer is not timed. The floor is the FLOPs of the
two matrix products per lag, 4 G B H² Σ_k (T - k) with G = 1 (RNN), 3 (GRU), 4 (LSTM), over the speed of a
2048 × 2048 product measured in the same process.
"""

import argparse
import json
import os
import platform
import resource
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
FLOPS = 4 * B * H * H * sum(range(1, T + 1))  # per gate
LONG = {"T": 100_000, "B": 1, "I": 8, "H": 64, "max_lag": 200}


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


def run_gated(a, cell):
    """This library on a gated cell: weights of its own, the same data."""
    import bptt

    trace = getattr(bptt, cell).init(I, H, rng=0).forward(a["x"])
    exact = bptt.by_lag(trace, a["dh"], keep_matrices=True).matrices.sum(0)
    difference = np.abs(exact - trace.layer.backward(trace, a["dh"]).dW_R).max()
    assert difference < 1e-4 * np.abs(exact).max(), difference
    return exact, lambda: bptt.by_lag(trace, a["dh"])


# name: (how to run it, gates, repeats); the first two compute the same thing
CONTENDERS = {
    "RNN, bptt by_lag, NumPy": (run_bptt, 1, 31),
    "RNN, PyTorch, T backward passes": (run_torch, 1, 7),
    "GRU, bptt by_lag, NumPy": (lambda a: run_gated(a, "GRU"), 3, 11),
    "LSTM, bptt by_lag, NumPy": (lambda a: run_gated(a, "LSTM"), 4, 11),
}


def measure(name, out, repeats):
    """In a process of its own: the answer, the times and the speed of a matrix product beside them."""
    answer, action = CONTENDERS[name][0](inputs())
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


def measure_memory(cell, dtype):
    """In a process of its own: largest resident size with the forward pass and the decomposition."""
    import bptt

    T, B, I, H = (LONG[name] for name in "TBIH")
    rng = np.random.default_rng(0)
    layer = getattr(bptt, cell).init(I, H, rng=0, dtype=dtype)
    x = rng.standard_normal((T, B, I)).astype(dtype)
    dh = rng.standard_normal((T, B, H)).astype(dtype)
    start = time.perf_counter()
    bptt.by_lag(layer.forward(x), dh, max_lag=LONG["max_lag"])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cell": cell, "dtype": dtype, "peak_mb": peak, "seconds": seconds}))


def in_its_own_process(*arguments):
    """Run this file with arguments, with the benchmark's number of threads; what it printed."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(threads, str(THREADS))
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(
        command, check=True, env=environment, capture_output=True, text=True
    ).stdout


def main():
    """Answers, comparison, times, memory; print and store."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for repeats in (0, 1):  # first everyone's answer alone
            for number, (name, (_, _, times)) in enumerate(CONTENDERS.items()):
                out = Path(folder) / f"{number}.npz"
                in_its_own_process("--contender", name, str(out), str(repeats * times))
                with np.load(out) as arrays:
                    measured[name] = dict(arrays)
            ours, other = (measured[name]["answer"] for name in list(CONTENDERS)[:2])
            difference = np.abs(other - ours).max() / np.abs(ours).max()
            assert difference < 1e-4, difference
    rows, first = [], None
    for name, (_, gates, _) in CONTENDERS.items():
        m = measured[name]
        ms = 1e3 * float(np.median(m["times"]))
        first = first or ms
        floor = 1e3 * gates * FLOPS / float(np.median(measured["RNN, bptt by_lag, NumPy"]["peaks"]))
        rows.append({"name": name, "ms": ms, "floor_ms": floor, "over_floor": ms / floor})
        if gates == 1:
            rows[-1]["over_bptt"] = ms / first
    memory = [
        json.loads(in_its_own_process("--memory", cell, dtype))
        for cell in ("RNN", "GRU", "LSTM")
        for dtype in ("float32", "float64")
    ]
    peak = float(np.median(measured["RNN, bptt by_lag, NumPy"]["peaks"]))
    result = {
        "shape": {"T": T, "B": B, "I": I, "H": H},
        "threads": THREADS,
        "dtype": "float32",
        "peak_gflops": peak / 1e9,
        "machine": machine(),
        "rows": rows,
        "long": LONG,
        "memory": memory,
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
    lines = ["| | ms | floor, ms | × floor | × bptt |", "|---|---|---|---|---|"]
    for row in result["rows"]:
        beside = f"{row['over_bptt']:.1f}" if "over_bptt" in row else ""
        lines.append(
            f"| {row['name']} | {row['ms']:.0f} | {row['floor_ms']:.0f} | {row['over_floor']:.1f} "
            f"| {beside} |"
        )
    m, long = result["machine"], result["long"]
    lines += [
        "",
        f"Medians of one run, float32, {result['threads']} threads on {m['cores']} cores "
        f"({m['architecture']}), matrix-product peak {result['peak_gflops']:.0f} GFLOP/s, "
        f"{m['blas']}, NumPy {m['numpy']}, PyTorch {m['torch']}, Python {m['python']}.",
        "",
        f"A long sequence, T = {long['T']:,}, B = {long['B']}, I = {long['I']}, H = {long['H']}, lags 0 to "
        f"{long['max_lag']}: largest size of the whole process, and time with the forward pass.",
        "",
        "| | | MB | s |",
        "|---|---|---|---|",
        *(
            f"| {row['cell']} | {row['dtype']} | {row['peak_mb']:.0f} | {row['seconds']:.0f} |"
            for row in result["memory"]
        ),
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
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--docs", action="store_true", help="only rewrite docs/speed.md")
    arguments = parser.parse_args()
    if arguments.contender:
        name, out, repeats = arguments.contender
        measure(name, out, int(repeats))
    elif arguments.memory:
        measure_memory(*arguments.memory)
    elif arguments.docs:
        write_docs(json.loads(RESULTS.read_text()))
    else:
        main()
