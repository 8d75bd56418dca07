"""Runs that really diverge, in float32: the error says when, where and what is left."""

import re

import numpy as np
import pytest

import bptt
from bptt import files, training
from bptt.data import tasks
from bptt.errors import DivergenceError, NonFiniteError
from bptt.training.states import reading


def relu(task, gain, hidden=16, layers=1, cell="rnn", activation="relu"):
    return bptt.Network.init(
        task.inputs, hidden, task.outputs, "orthogonal", cell=cell, layers=layers, gain=gain,
        activation=activation, loss=task.loss, loss_at=task.loss_at, rng=0,
    )  # fmt: skip


def test_the_forward_pass_overflows():
    """Gain 3 in 200 steps: 3^200 is beyond float32; the time step is that of a loop in NumPy."""
    task = tasks.load("adding", 200)
    net = relu(task, 3.0)
    x = task.batch(8, np.random.default_rng([0, 0])).x
    h = np.zeros((8, 16), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(200):
            h = np.maximum(x[t] @ net.layer.W_F.T + h @ net.layer.W_R.T + net.layer.b, 0)
            if not np.isfinite(h).all():
                break
    with pytest.raises(
        DivergenceError, match=r"update 1: .*forward pass of rnn\.0 overflows"
    ) as error:
        training.train(net, task, updates=5, batch=8, clip=None)
    found = error.value
    assert (found.update, found.layer, found.lag) == (1, "rnn.0", None)
    assert found.time == pytest.approx(t, abs=1)  # the sums' order


def test_the_gradient_overflows_and_the_lag_is_named():
    """Identity, no input, W_R = 3: from h = 0 nothing overflows forward, the error grows 3^k."""
    T = 120
    net = bptt.Network(
        bptt.RNN(np.zeros((1, 2), "f4"), np.full((1, 1), 3, "f4"), np.zeros(1, "f4"), "identity"),
        np.ones((1, 1), "f4"), np.zeros(1, "f4"), "mse", "last",
    )  # fmt: skip
    task = tasks.load("adding", T)
    with pytest.raises(
        DivergenceError, match="update 1: expected a finite loss and gradient"
    ) as error:
        training.train(net, task, updates=3, batch=4, clip=None)
    found = error.value
    # the error at the top is 2 (0 - y)/B, about 1: beyond 3.4e38 from 3^81 on
    assert found.layer == "rnn.0"
    assert found.lag == pytest.approx(81, abs=2)
    assert found.parameter in ("W_F", "W_R", "b")
    assert f"at lag {found.lag}" in str(found)


def test_the_weights_diverge_and_the_last_checkpoint_is_good(tmp_path):
    """A learning rate far too large; every checkpoint there ever was is finite, and the last is named."""
    task, path = tasks.load("adding", 40), tmp_path / "run.safetensors"
    with pytest.raises(DivergenceError) as error:
        training.train(
            relu(task, 1.0, activation="identity"), task, updates=400, batch=8, clip=None, checkpoint=path,
            checkpoint_every=1, optimiser=training.SGD(0.05, 0.9),
        )  # fmt: skip
    kept = re.search(r"The last good checkpoint is (.*), at update (\d+)\.", str(error.value))
    assert kept[1] == str(path)
    assert int(kept[2]) == error.value.update - 1
    tensors, _ = files.read_tensors(path)
    assert all(np.isfinite(value).all() for value in tensors.values())
    saved, _ = bptt.Network.load(path)
    with pytest.raises(DivergenceError) as again:  # and it leads to the same end
        training.train(
            saved, task, updates=400, batch=8, clip=None, checkpoint=path, resume=True,
            optimiser=training.SGD(0.05, 0.9),
        )  # fmt: skip
    assert again.value.update == error.value.update


def test_no_file_holds_weights_that_are_not_finite(tmp_path):
    """One update of 1e38 makes the weights infinite; they are seen before they are written."""
    task, path = tasks.load("adding", 10), tmp_path / "run.safetensors"
    with pytest.raises(DivergenceError, match="No checkpoint was written yet") as error:
        training.train(
            relu(task, 1.0), task, updates=1, batch=8, clip=None, checkpoint=path,
            optimiser=training.SGD(1e39),
        )  # fmt: skip
    assert error.value.parameter is not None
    assert not path.exists()


def test_clipped_gradients_beyond_the_type_are_no_divergence():
    """A gradient of 1e30 in float32, clipped to 1, is an update like any other."""
    net = bptt.Network(
        bptt.RNN(np.zeros((1, 2), "f4"), np.full((1, 1), 3, "f4"), np.zeros(1, "f4"), "identity"),
        np.ones((1, 1), "f4"), np.zeros(1, "f4"), "mse", "last",
    )  # fmt: skip
    task, norms = tasks.load("adding", 63), []
    training.train(net, task, updates=1, batch=4, clip=1.0, progress=lambda p: norms.append(p.norm))
    assert 1e28 < norms[0] < 1e32
    # without clipping, its square is what Adam cannot hold
    with pytest.raises(DivergenceError, match=r"error signal of rnn\.0 grows 10"):
        training.train(net, task, updates=1, batch=4, clip=None)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_upper_layer_is_named(layers):
    task = tasks.load("adding", 150)
    net = relu(task, 0.9, layers=layers)
    net.stack.layers[-1].W_R *= 4
    with pytest.raises(DivergenceError) as error:
        training.train(net, task, updates=5, batch=8, clip=None)
    assert error.value.layer == f"rnn.{layers - 1}"


def test_scores_that_overflow_name_the_update():
    """Finite at the length of training, infinite where it is scored."""
    task = tasks.load("adding", 400)
    net = relu(task, 2.0)
    with pytest.raises(
        DivergenceError, match=r"update 2: expected a finite score, got an overflow"
    ):
        training.train(
            net, task, updates=4, batch=8, evaluate_every=2, optimiser=training.SGD(1e-20),
            curriculum=training.Drawn(10, 20),
        )  # fmt: skip
    with pytest.raises(NonFiniteError):
        training.evaluate(reading(net, "last"), task, [400])
