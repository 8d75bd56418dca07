"""A setting stands for the network and the batch that its numbers say."""

import numpy as np
import pytest

import bptt
from bptt import errors
from bptt.configuration import Configuration, batch_shape, measured_batch
from bptt.data import load, tasks
from bptt.dynamics.mean_field import mean_field


def second_moment(made):
    return float(np.square(made.batch["x"] @ made.network.layer.W_F.T, dtype=np.float64).mean())


@pytest.mark.parametrize(
    "data",
    ["noise", "adding", "copy", "text", pytest.param("vowels", marks=pytest.mark.needs("sktime"))],
)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "cho_gru"])
def test_input_variance_is_what_it_says(data, cell):
    made = Configuration(
        cell=cell, data=data, input_variance=0.3, hidden=8, length=40, layers=2
    ).build()
    assert second_moment(made) == pytest.approx(0.3, rel=1e-5)
    assert len(made.network.stack.layers) == 2


def test_without_input_variance_the_weights_are_the_schemes_own():
    made = Configuration(init="glorot", hidden=12, gain=1.5, seed=3).build()
    alone = bptt.Network.init(8, 12, 2, "glorot", gain=1.5, loss_at="last", rng=3)
    for name, value in alone.parameters().items():
        np.testing.assert_array_equal(made.network.parameters()[name], value)


def test_z_has_the_variance_of_mean_field_theory():
    made = Configuration(
        init="gaussian", gain=1.2, input_variance=0.5, hidden=1024, batch=4, length=60
    ).build()
    z = made.network.run(**made.batch).trace.saved[30:]
    q = mean_field(1.2, 0.5).q
    assert float(np.square(z).mean()) == pytest.approx(q, rel=0.05)


@pytest.mark.parametrize(
    ("cell", "part"),
    [("rnn", slice(0, 4)), ("lstm", slice(4, 8)), ("gru", slice(4, 8)), ("cho_gru", slice(4, 8))],
)
def test_bias_goes_where_the_state_is_carried(cell, part):
    b = Configuration(cell=cell, bias=2.0, hidden=4).build().network.layer.b
    b0 = Configuration(cell=cell, hidden=4).build().network.layer.b
    np.testing.assert_array_equal((b - b0)[part], 2.0)
    assert (b - b0).sum() == 8.0


def test_needed_lag_is_the_tasks_own():
    assert (
        Configuration(data="adding", length=60).build().needed_lag
        == tasks.load("adding", 60).needed_lag
    )
    assert Configuration(data="text").build().needed_lag is None


def test_the_seed_moves_weights_and_sequences():
    a, b = Configuration(seed=0).build(), Configuration(seed=1).build()
    assert (a.network.layer.W_R != b.network.layer.W_R).any()
    assert (a.batch["x"] != b.batch["x"]).any()
    assert len(Configuration(loss_at="every").build().batch["targets"]) == 100


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"data": "adding", "loss_at": "every"}, "loss_at"),
        ({"loss_at": "first"}, "loss_at"),
        ({"input_variance": -1.0}, "input_variance"),
        ({"input_variance": float("nan")}, "input_variance"),
        ({"bias": float("inf")}, "bias"),
        ({"cell": "transformer"}, "cell"),
        ({"init": "he"}, "scheme"),
        ({"activation": "gelu"}, "activation"),
        ({"length": 1}, "length"),
        ({"batch": 0}, "batch"),
        ({"data": "nowhere.npz"}, "nowhere.npz"),
    ],
)
def test_bad_input(options, named):
    with pytest.raises(errors.BpttError) as raised:
        Configuration(**options).build()
    assert raised.value.argument == named


@pytest.mark.parametrize(
    "name", ["text", "adding", "copy", pytest.param("vowels", marks=pytest.mark.needs("sktime"))]
)
@pytest.mark.parametrize("batch", [None, 3])
def test_the_shape_of_a_batch_is_known_before_it_is_drawn(name, batch):
    data = load(name)
    x = measured_batch(data, None, batch, "float32")["x"]
    assert batch_shape(data, None, batch) == x.shape[:2]
