"""Where data and models take a whole number, 3.0 is one and 2.5 is an error that names the argument."""

import numpy as np
import pytest

import bptt
from bptt import models
from bptt.configuration import Configuration, measured_batch
from bptt.data import load, tasks
from bptt.data.tasks.noise import noise
from bptt.data.text import chunk, streams
from bptt.errors import OptionError
from bptt.verification import verify

STREAM, ADDING = np.zeros((40, 2), int), tasks.adding(8)
NETWORK = bptt.Network.init(2, 3, 2, rng=0)
CASES = {
    "length of a task": (lambda n: tasks.load("xor", 10 * n), "length"),
    "length of data": (lambda n: load("noise", n), "length"),
    "sequences": (lambda n: ADDING.batch(n, np.random.default_rng(0)), "sequences"),
    "symbols": (lambda n: tasks.memorisation(9, symbols=n), "symbols"),
    "values": (lambda n: tasks.memorisation(9, values=n), "values"),
    "inputs": (lambda n: noise(9, inputs=n), "inputs"),
    "streams": (lambda n: streams(np.zeros(90, int), n), "batch"),
    "chunk": (lambda n: chunk(STREAM, n, 0), "length"),
    "batch": (lambda n: measured_batch(ADDING, None, n, "float32"), "batch"),
    "seed": (lambda n: measured_batch(ADDING, None, 2, "float32", seed=n), "seed"),
    "entries": (
        lambda n: verify(NETWORK, np.ones((4, 1, 2), "f4"), np.zeros((4, 1), int), entries=n),
        "entries",
    ),
    "hidden": (lambda n: Configuration(hidden=n).build(), "hidden"),
    "layers": (lambda n: Configuration(layers=n).build(), "layers"),
    "length of a configuration": (lambda n: Configuration(length=n).build(), "length"),
    "batch of a configuration": (lambda n: Configuration(batch=n).build(), "batch"),
    "hidden of a model": (lambda n: models.fresh("noise", hidden=n), "hidden"),
    "noise for a model": (lambda n: models.noise_for(NETWORK, n, "last"), "length"),
}


@pytest.mark.parametrize("case", CASES)
def test_whole_numbers(case):
    call, name = CASES[case]
    call(3.0)
    call(np.int32(3))
    for value in (2.55, "3", True, None):
        if value is None and name in ("length", "batch"):  # its own
            continue
        if "task" in case and not isinstance(value, float):
            continue
        with pytest.raises(OptionError, match=f"^{name}: expected a whole number from"):
            call(value)
