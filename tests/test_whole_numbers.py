"""Wherever a whole number is asked for, 2.0 is 2, and 2.5 is one clear error that names the argument."""

import numpy as np
import pytest

import bptt
from bptt import dynamics, sweep, training
from bptt.configuration import Configuration
from bptt.data import Text, tasks
from bptt.errors import OptionError
from bptt.remedies import Settings

T, B, I, H = 12, 4, 3, 5
RNG = np.random.default_rng(0)
X, DH = RNG.normal(size=(T, B, I)), RNG.normal(size=(T, B, H))
LAYER = bptt.RNN.init(I, H, rng=0, dtype="float64")
TRACE = LAYER.forward(X)
PROFILE = bptt.by_lag(TRACE, DH)
NETWORK = bptt.Network.init(I, H, 2, loss_at="last", rng=0, dtype="float64")
BATCH = (X, np.array([0, 1, 1, 0]))
LONG = LAYER.forward(RNG.normal(size=(300, 8, I)))
SMALL = Configuration(length=6, batch=2)
TASK = tasks.load("adding", 10)


def train(**options):
    network = bptt.Network.init(TASK.inputs, H, TASK.outputs, loss="mse", loss_at="last", rng=0)
    return training.train(network, TASK, **{"updates": 2, "batch": 2, **options})


def read(**options):
    text = Text.of("the cat sat on the mat. " * 100, "cat")
    size = len(text.characters)
    network = bptt.Network.init(size, H, size, rng=0)
    return training.train(network, text, **{"updates": 2, "batch": 2, **options})


CALLS = {
    "RNN.init inputs": lambda n: bptt.RNN.init(n, H, rng=0),
    "LSTM.init hidden": lambda n: bptt.LSTM.init(I, n, rng=0),
    "Network.init inputs": lambda n: bptt.Network.init(n, H, 2, rng=0),
    "Network.init hidden": lambda n: bptt.Network.init(I, n, 2, rng=0),
    "Network.init outputs": lambda n: bptt.Network.init(I, H, n, rng=0),
    "Network.init layers": lambda n: bptt.Network.init(I, H, 2, layers=n, rng=0),
    "forward checkpoint_every": lambda n: LAYER.forward(X, checkpoint_every=n),
    "by_lag max_lag": lambda n: bptt.by_lag(TRACE, DH, max_lag=n),
    "by_lag loss_chunk": lambda n: bptt.by_lag(TRACE, DH, max_lag=3, loss_chunk=n),
    "truncation K": lambda n: PROFILE.truncation(n),
    "log10_attenuation lag": lambda n: PROFILE.log10_attenuation(n),
    "truncated_bptt k1": lambda n: bptt.truncated_bptt(TRACE, DH, k1=n, k2=4),
    "truncated_bptt k2": lambda n: bptt.truncated_bptt(TRACE, DH, k1=1, k2=n),
    "lyapunov count": lambda n: bptt.lyapunov(LONG, count=n),
    "lyapunov skip": lambda n: bptt.lyapunov(LONG, skip=n),
    "jacobian t": lambda n: dynamics.jacobian(TRACE, t=n),
    "jacobian_product t": lambda n: dynamics.jacobian_product(TRACE, t=n, k=1),
    "jacobian_product k": lambda n: dynamics.jacobian_product(TRACE, t=8, k=n),
    "memory_function max_lag": lambda n: dynamics.memory_function(LONG, max_lag=n),
    "diagnose needed_lag": lambda n: bptt.diagnose(NETWORK, BATCH, needed_lag=n),
    "diagnose max_lag": lambda n: bptt.diagnose(NETWORK, BATCH, needed_lag=1, max_lag=n),
    "Settings seed": lambda n: Settings(seed=n),
    "Settings batch": lambda n: Settings(batch=n),
    "train updates": lambda n: train(updates=n),
    "train batch": lambda n: train(batch=n),
    "train length": lambda n: read(length=n),
    "train window": lambda n: read(length=2, window=n),
    "tasks.load length": lambda n: tasks.load("copy", n),
    "task.batch sequences": lambda n: TASK.batch(n, np.random.default_rng(0)),
    "set_num_threads count": bptt.set_num_threads,
}  # fmt: skip

SWEEPS = {
    "sweep sample": lambda n: sweep({"hidden": [4, 5]}, base=SMALL, engine="threads", sample=n),
    "sweep train_updates": lambda n: sweep(
        {"hidden": [4]}, base=SMALL, engine="threads", train_updates=n
    ),
    "sweep workers": lambda n: sweep({"hidden": [4]}, base=SMALL, engine="threads", workers=n),
}  # fmt: skip
NAMES = [
    *CALLS,
    *(pytest.param(name, marks=pytest.mark.needs("filelock", "joblib")) for name in SWEEPS),
]
CALLS |= SWEEPS


@pytest.fixture(autouse=True)
def threads():
    before = bptt.get_num_threads()
    yield
    bptt.set_num_threads(before)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_float_is_taken(name):
    CALLS[name](2.0)
    CALLS[name](np.int64(2))


@pytest.mark.parametrize("wrong", [2.5, "2", float("nan")])
@pytest.mark.parametrize("name", NAMES)
def test_anything_else_is_one_clear_error(name, wrong):
    with pytest.raises(OptionError) as caught:
        CALLS[name](wrong)
    assert str(caught.value).startswith(f"{name.split()[1]}: expected ")
