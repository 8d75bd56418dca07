"""The golden cases: PyTorch's autograd in float64, one copy of W_R per step, one backward pass per loss step.

    python -m tests.golden.make           # write what index.json lists and no file holds yet
    python -m tests.golden.make --check   # compute every file anew and compare

A file holds the problem (weights, x, h0, c0, and dh, what the loss at step t sends straight to the top layer's h_t)
and the answer: h_top, and dW_R_by_lag (layer, lag, rows of W_R, H). Of the error at step t the copy of W_R
that acts at step s gets the part with lag t - s. Nothing of the library is imported.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent
INDEX = json.loads((FOLDER / "index.json").read_text())
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "cho_gru": 3}
TOLERANCE = 1e-15  # over the largest entry
ANSWERS = ("h_top", "dW_R_by_lag")


def problem(case, seed=0):
    """Weights, inputs and errors of a case, drawn."""
    rng, rows = np.random.default_rng(seed), GATES[case["cell"]] * case["H"]
    T, B, I, H, layers = (case[name] for name in ("T", "B", "I", "H", "layers"))
    arrays = {"x": rng.normal(size=(T, B, I)), "h0": 0.5 * rng.normal(size=(layers, B, H))}
    if case["cell"] == "lstm":
        arrays["c0"] = 0.5 * rng.normal(size=(layers, B, H))
    arrays["dh"] = 0.1 * rng.normal(size=(T, B, H))
    if case["last_only"]:
        arrays["dh"][:-1] = 0
    for layer in range(layers):
        width = I if layer == 0 else H
        arrays[f"layer{layer}.W_F"] = rng.normal(size=(rows, width)) / width**0.5
        arrays[f"layer{layer}.W_R"] = case["gain"] * rng.normal(size=(rows, H)) / H**0.5
        arrays[f"layer{layer}.b"] = 0.1 * rng.normal(size=rows)
        if case["cell"] == "gru":
            arrays[f"layer{layer}.b_Rn"] = 0.1 * rng.normal(size=H)
    return arrays


def step(case, weights, W_R, x, h, c):
    """One step of a layer, as PyTorch's documentation has it; gates in its order."""
    fed = x @ weights["W_F"].T + weights["b"]
    if case["cell"] == "cho_gru":  # Cho 2014, equations 5 to 8: PyTorch has no such module
        (r, z, n), (W_Rr, W_Rz, W_Rn) = fed.chunk(3, dim=1), W_R.chunk(3)
        r, z = torch.sigmoid(r + h @ W_Rr.T), torch.sigmoid(z + h @ W_Rz.T)
        return (1 - z) * torch.tanh(n + (r * h) @ W_Rn.T) + z * h, c
    back = h @ W_R.T
    if case["cell"] == "rnn":
        return getattr(torch, case["activation"])(fed + back), c
    if case["cell"] == "lstm":
        i, f, g, o = (fed + back).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    (r, z, n), (r_back, z_back, n_back) = fed.chunk(3, dim=1), back.chunk(3, dim=1)
    r, z = torch.sigmoid(r + r_back), torch.sigmoid(z + z_back)
    return (1 - z) * torch.tanh(n + r * (n_back + weights["b_Rn"])) + z * h, c


def answers(case, arrays):
    """h_top and dW_R_by_lag."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    T, layers = case["T"], case["layers"]
    weights = [
        {name: tensors[f"layer{layer}.{name}"] for name in ("W_F", "W_R", "b", "b_Rn")
         if f"layer{layer}.{name}" in tensors}
        for layer in range(layers)
    ]  # fmt: skip
    copies = [[w["W_R"].clone().requires_grad_() for _ in range(T)] for w in weights]
    h = list(tensors["h0"])
    c = list(tensors["c0"]) if "c0" in tensors else [None] * layers
    tops = []
    for t in range(T):
        x = tensors["x"][t]
        for layer in range(layers):
            h[layer], c[layer] = step(case, weights[layer], copies[layer][t], x, h[layer], c[layer])
            x = h[layer]
        tops.append(x)
    by_lag = torch.zeros(layers, T, *weights[0]["W_R"].shape, dtype=torch.float64)
    for t in range(T):
        if not tensors["dh"][t].any():
            continue
        acting = [copy for of_layer in copies for copy in of_layer[: t + 1]]
        parts = torch.autograd.grad(tops[t], acting, tensors["dh"][t], retain_graph=True)
        for place, part in enumerate(parts):
            layer, s = divmod(place, t + 1)
            by_lag[layer, t - s] += part
    return {"h_top": torch.stack(tops).detach().numpy(), "dW_R_by_lag": by_lag.numpy()}


def stored(name):
    """The arrays of a file."""
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return dict(arrays)


def difference(name):
    """The largest difference between a file's answers and those computed now, over the largest entry."""
    arrays = stored(name)
    computed = answers(INDEX[name], {k: v for k, v in arrays.items() if k not in ANSWERS})
    return max(
        float(np.abs(computed[key] - arrays[key]).max() / np.abs(arrays[key]).max())
        for key in ANSWERS
    )


def check():
    """Print how far every file is from what is computed now; whether all are near."""
    differences = {name: difference(name) for name in INDEX}
    for name, size in differences.items():
        print(f"{name}: {size:.1e}" + ("" if size <= TOLERANCE else " differs"))
    return max(differences.values()) <= TOLERANCE


def write():
    """Write the cases that have no file."""
    for seed, (name, case) in enumerate(INDEX.items()):
        if not (FOLDER / f"{name}.npz").exists():
            arrays = problem(case, seed)
            np.savez_compressed(FOLDER / f"{name}.npz", **arrays, **answers(case, arrays))
            print(f"{name}: written")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if not parser.parse_args().check:
        write()
    elif not check():
        sys.exit("Some files are not what PyTorch computes.")
