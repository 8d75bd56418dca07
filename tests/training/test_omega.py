"""Ω in training: the weight update is that of E and λ Ω together."""

import numpy as np
import pytest

import bptt
from bptt import errors, training
from bptt.data import tasks
from bptt.regularisers.omega import regulariser
from bptt.training.update import gradient


@pytest.mark.parametrize("layers", [1, 2])
def test_only_W_R_is_pushed(layers, rng):
    net = bptt.Network.init(3, 5, 4, layers=layers, rng=0, dtype="float64")
    run = net.run(rng.normal(size=(9, 2, 3)), rng.integers(4, size=(9, 2)))
    plain, pushed = gradient(net, run), gradient(net, run, 0.7)
    _, parts = regulariser(run.stack_trace, run.dh)
    names = ["W_R"] if layers == 1 else ["rnn.0.W_R", "rnn.1.W_R"]
    for name, value in plain.items():
        extra = 0.7 * parts[names.index(name)] if name in names else 0
        np.testing.assert_allclose(pushed[name], value + extra, rtol=1e-13, atol=1e-15)
        assert np.any(extra) == (name in names)


def test_it_keeps_the_error_alive():
    """A task whose loss lies at the end: with Ω the error's length is kept better than without."""
    task = tasks.load("order2", 40)
    left = {}
    for weight in (0.0, 2.0):
        net = bptt.Network.init(
            task.inputs, 24, task.outputs, gain=0.8, loss_at=task.loss_at, rng=0
        )  # fmt: skip
        done = training.train(net, task, updates=150, omega=weight, optimiser=training.SGD(0.05))
        batch = task.batch(20, np.random.default_rng(99)).arguments()
        run = done.network.run(**batch)
        left[weight] = bptt.by_lag(run.trace, run.dh).log10_attenuation(30)
    assert left[2.0] > left[0.0] + 1


def test_gates_are_refused():
    task = tasks.load("adding", 10)
    net = bptt.Network.init(2, 4, 1, cell="gru", loss="mse", loss_at="last", rng=0)
    with pytest.raises(errors.OptionError, match="omega: expected plain RNN layers, got gru"):
        training.train(net, task, omega=1.0)
