"""(h) Decay of the error signal in LSTM and GRU with a bias at the gate that carries, beside mean field.

python -m experiments gates
"""

import bptt
from bptt.configuration import Configuration

GAINS, BIASES, SEEDS, HIDDEN = (0.5, 1.5, 3.0, 5.0), (0.0, 1.0, 3.0), 4, 128


def run(quick):
    """Every cell, bias and gain, input variance 1."""
    hidden, seeds = (HIDDEN, SEEDS) if not quick else (32, 2)
    runs = []
    for cell in ("gru", "lstm"):
        swept = bptt.sweep(
            {"bias": BIASES, "gain": GAINS, "seed": f"0:{seeds - 1}"},
            base=Configuration(cell=cell, init="gaussian", hidden=hidden, input_variance=1.0, length=200, batch=4),
            curves=False, progress=True,
        )  # fmt: skip
        runs += [{"cell": cell} | row for row in swept.beside_theory().rows()]
    return {"hidden": hidden, "seeds": seeds, "runs": runs}
