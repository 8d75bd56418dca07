"""(e) The horizon over the course of training on text, for RNN, LSTM and GRU.

python -m experiments horizon
"""

import tempfile

import numpy as np

import bptt
from bptt.data import Text
from bptt.data.text import chunk, streams
from bptt.training import Adam, bits_per_character, train
from experiments.running import in_parallel

HIDDEN, BATCH, LENGTH = 128, 32, 64
CELLS = ("rnn", "lstm", "gru")
MARKS = (0, 100, 300, 1000, 3000)
MEASURED, LAG = 200, 50


def one(cell, seed, marks):
    """Trained from mark to mark, measured at each."""
    text = Text.load("text")
    size = len(text.characters)
    network = bptt.Network.init(size, HIDDEN, size, cell=cell, rng=seed)
    codes, targets, _ = chunk(streams(text.held_out, 16), MEASURED, 0)
    batch = (text.one_hot(codes), targets)
    optimiser, points = Adam(2e-3), []
    with tempfile.TemporaryDirectory() as folder:
        for mark in marks:
            if mark:
                network = train(
                    network, text, updates=mark, length=LENGTH, batch=BATCH, optimiser=optimiser,
                    seed=seed, checkpoint=f"{folder}/run.safetensors", resume=len(points) > 1,
                ).network  # fmt: skip
            layer = bptt.diagnose(network, batch, needed_lag=LAG).diagnosis.decisive
            points.append(
                {
                    "updates": mark,
                    "horizon": layer.horizon,
                    "log10_attenuation": float(np.maximum(layer.log10_attenuation, -300)),
                    "rate": layer.rate,
                    "bits": bits_per_character(network, text),
                }
            )
    return {"points": points}


def run(quick):
    """Every cell."""
    marks = MARKS if not quick else MARKS[:3]
    settings = [{"cell": cell, "seed": 0, "marks": marks} for cell in CELLS]
    return {"marks": marks, "runs": in_parallel(one, settings, "(e) horizon")}
