"""(d) Truncation on text: the relative bias that was predicted, against the loss that is reached.

python -m experiments truncation
"""

import numpy as np

import bptt
from bptt.data import Text
from bptt.data.text import chunk, streams
from bptt.training import Adam, train
from experiments.running import in_parallel

LENGTHS = (5, 10, 35, 100)
HIDDEN, BATCH = 128, 32
CELLS = ("rnn", "lstm")
MEASURED = 200  # steps of text whose gradient is split


def bias(network, text, length):
    """Relative bias of cutting into chunks of K, on held-out text."""
    codes, targets, _ = chunk(streams(text.held_out, 16), MEASURED, 0)
    report = bptt.diagnose(network, (text.one_hot(codes), targets))
    return report.diagnosis.decisive.profile.truncation(length, chunked=True).relative_bias


def one(cell, length, seed, characters):
    """A network trained in chunks of K until it has read so many characters; the bill before and after."""
    text = Text.load("text")
    size = len(text.characters)
    network = bptt.Network.init(size, HIDDEN, size, cell=cell, rng=seed)
    updates = characters // (length * BATCH)
    result = train(
        network, text, updates=updates, length=length, batch=BATCH, optimiser=Adam(2e-3), seed=seed
    )
    return {
        "updates": updates,
        "bias_before": bias(network, text, length),
        "bias_after": bias(result.network, text, length),
        "bits": result.score,
    }


def run(quick):
    """Every K, cell and seed, on the same number of characters."""
    characters = 2_000_000 if not quick else 150_000
    settings = [
        {"cell": cell, "length": K, "seed": seed, "characters": characters}
        for cell in CELLS
        for K in LENGTHS
        for seed in (range(2) if not quick else range(1))
    ]
    runs = in_parallel(one, settings, "(d) truncation")
    mean = np.mean([run["bits"] for run in runs])
    return {"characters": characters, "runs": runs, "mean_bits": float(mean)}
