"""Nothing is combined that does not belong together, and what is assigned takes effect or is refused."""

from dataclasses import replace

import numpy as np
import pytest

import bptt
from bptt.errors import BpttError, DTypeError, NonFiniteError, OptionError, ShapeError
from tests.conftest import relative

KINDS = {"rnn": bptt.RNN, "lstm": bptt.LSTM, "gru": bptt.GRU, "cho_gru": bptt.ChoGRU}


def one(kind, seed=0):
    return KINDS[kind].init(3, 5, rng=seed, dtype="float64")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_a_layer_refuses_another_layers_trace(kind, rng):
    a, b = one(kind), one(kind, 1)
    x, dh = rng.normal(size=(6, 2, 3)), rng.normal(size=(6, 2, 5))
    with pytest.raises(OptionError, match=r"^trace: expected one that this layer's forward made"):
        b.backward(a.forward(x), dh)
    with pytest.raises(OptionError, match="trace: expected one that this layer"):
        b.backward(a.forward(x, checkpoint_every=2), dh)
    twin = a.copy()
    with pytest.raises(OptionError, match="another layer's"):
        twin.backward(a.forward(x), dh)


def test_a_stack_and_a_network_refuse_anothers(rng):
    x, targets = rng.normal(size=(6, 2, 3)), rng.integers(2, size=(6, 2))
    layers = [one("rnn"), bptt.LSTM.init(5, 5, rng=0, dtype="float64")]
    a, b = bptt.Stack(layers), bptt.Stack(layers)
    with pytest.raises(OptionError, match=r"^trace: expected one that this stack's forward made"):
        b.backward(a.forward(x), np.ones((6, 2, 5)))
    net = bptt.Network.init(3, 4, 2, rng=0, dtype="float64")
    other = bptt.Network(net.body, 2 * net.W_O, net.b_O)  # the same layers, another readout
    with pytest.raises(OptionError, match=r"^run: expected one that this network made"):
        other.backward(net.run(x, targets))


def test_weights_written_over_after_the_forward_pass_are_noticed(kind, rng):
    layer, x, dh = one(kind), rng.normal(size=(6, 2, 3)), rng.normal(size=(6, 2, 5))
    for name in layer.parameters():
        trace = layer.forward(x)
        layer.parameters()[name][0] += 0.25
        for call in (
            lambda: layer.backward(trace, dh),  # noqa: B023
            lambda: bptt.by_lag(trace, dh),  # noqa: B023
            lambda: bptt.by_step(trace, dh),  # noqa: B023
            lambda: bptt.truncated_bptt(trace, dh, 2, 2),  # noqa: B023
            lambda: bptt.lyapunov(trace, skip=0),  # noqa: B023
            lambda: bptt.dynamics.jacobian(trace, 0),  # noqa: B023
        ):
            with pytest.raises(OptionError, match="weights changed in place since"):
                call()


def test_a_trace_keeps_the_weights_that_it_was_made_with(kind, rng):
    """A new array in the layer does not change the gradient of a pass that was made before."""
    layer, x, dh = one(kind), rng.normal(size=(6, 2, 3)), rng.normal(size=(6, 2, 5))
    trace = layer.forward(x)
    before, lags = layer.backward(trace, dh).dW_R, bptt.by_lag(trace, dh).log10_norm
    layer.W_R = rng.normal(size=layer.W_R.shape)
    assert np.array_equal(layer.backward(trace, dh).dW_R, before)
    assert np.array_equal(bptt.by_lag(trace, dh).log10_norm, lags)
    assert relative(layer.backward(layer.forward(x), dh).dW_R, before) > 1e-3


def test_what_is_assigned_takes_effect(kind, rng):
    layer, other, x = one(kind), one(kind, 1), rng.normal(size=(6, 2, 3))
    for name, value in other.parameters().items():
        setattr(layer, name, value)
    assert np.array_equal(layer.forward(x).h, other.forward(x).h)
    if kind == "rnn":
        layer.phi = "relu"
        expected = bptt.RNN(layer.W_F, layer.W_R, layer.b, "relu").forward(x).h
        assert np.array_equal(layer.forward(x).h, expected)
        assert repr(layer).count("relu") == 1


def test_what_cannot_take_effect_cannot_be_assigned(kind):
    layer = one(kind)
    for name, value in layer.parameters().items():
        with pytest.raises(ShapeError, match=rf"^{name}: expected shape"):
            setattr(layer, name, value[:-1])
        with pytest.raises(DTypeError, match=name):
            setattr(layer, name, value.astype("float32"))
        with pytest.raises(NonFiniteError, match=name):
            setattr(layer, name, np.full_like(value, np.nan))
        assert getattr(layer, name) is value
    for name in ("extra", "W_r", "cell", "kind", "hidden", "weights"):
        with pytest.raises(OptionError, match=f"^{name}: expected one of W_F, W_R, b"):
            setattr(layer, name, 1)
    if kind != "rnn":
        with pytest.raises(OptionError, match=f"^phi: expected tanh, the {kind.upper()}'s own"):
            layer.phi = "relu"


def test_stacks_and_networks_are_assigned_with_checks_or_not_at_all():
    net = bptt.Network.init(3, 4, 2, rng=0, dtype="float64")
    with pytest.raises(
        OptionError, match=r"^levels: expected the levels that the stack was made of"
    ):
        net.stack.levels = ()
    for name in ("body", "stack", "w_O"):
        with pytest.raises(OptionError, match=f"^{name}: expected W_O, b_O, loss or loss_at"):
            setattr(net, name, net.body)
    with pytest.raises(ShapeError, match=r"^W_O"):
        net.W_O = net.W_O[:1]
    with pytest.raises(OptionError, match=r"^loss_at"):
        net.loss_at = "first"
    with pytest.raises(OptionError, match=r"^loss"):
        net.loss = "hinge"
    x, targets = np.ones((4, 1, 3)), np.zeros(1, int)
    net.loss_at = "last"
    assert net.run(x, targets).loss_steps.tolist() == [3]
    net.b_O = np.array([30.0, -30.0])
    assert net.run(x, targets).E < 1e-12
    with pytest.raises(AttributeError):
        replace(bptt.Bidirectional(one("rnn"), one("rnn", 1))).forward_layer = one("rnn")


@pytest.mark.parametrize("cell", ["lstm", "gru", "cho_gru"])
def test_an_activation_of_a_gated_cell_is_refused(cell):
    for make in (
        lambda: bptt.Network.init(3, 4, 2, cell=cell, activation="relu"),
        lambda: KINDS[cell].init(3, 4, activation="relu"),
    ):
        with pytest.raises(OptionError, match=r"^activation: expected tanh"):
            make()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("max_lag", lambda trace, dh, v: bptt.by_lag(trace, dh, max_lag=v)),
        ("loss_chunk", lambda trace, dh, v: bptt.by_lag(trace, dh, loss_chunk=v)),
        ("k1", lambda trace, dh, v: bptt.truncated_bptt(trace, dh, v, 2)),
        ("k2", lambda trace, dh, v: bptt.truncated_bptt(trace, dh, 2, v)),
        ("offset", lambda trace, dh, v: bptt.truncated_bptt(trace, dh, 4, 4, v)),
        ("K", lambda trace, dh, v: bptt.by_lag(trace, dh).truncation(v)),
        ("count", lambda trace, dh, v: bptt.lyapunov(trace, count=v)),
        ("max_lag", lambda trace, dh, v: bptt.dynamics.memory_function(trace, v)),
        ("skip", lambda trace, dh, v: bptt.lyapunov(trace, skip=v)),
        ("t", lambda trace, dh, v: bptt.dynamics.jacobian(trace, v)),
        ("k", lambda trace, dh, v: bptt.dynamics.jacobian_product(trace, 5, v)),
        ("hidden", lambda trace, dh, v: bptt.RNN.init(3, v)),
        ("inputs", lambda trace, dh, v: bptt.GRU.init(v, 3)),
        ("hidden", lambda trace, dh, v: bptt.Network.init(3, v, 2)),
        ("outputs", lambda trace, dh, v: bptt.Network.init(3, 4, v)),
        ("layers", lambda trace, dh, v: bptt.Network.init(3, 4, 2, layers=v)),
        ("seed", lambda trace, dh, v: bptt.RNN.init(3, 4, rng=v)),
        ("checkpoint_every", lambda trace, dh, v: trace.layer.forward(trace.x, checkpoint_every=v)),
        ("count", lambda trace, dh, v: bptt.set_num_threads(v)),
    ],
)
def test_whole_numbers_at_the_door(name, call, rng):
    threads = bptt.get_num_threads()
    trace, dh = one("rnn").forward(rng.normal(size=(9, 2, 3))), rng.normal(size=(9, 2, 5))
    try:
        call(trace, dh, 2.0)  # whole, as NumPy's users expect
        call(trace, dh, np.int16(2))
    finally:
        bptt.set_num_threads(threads)
    for wrong in (2.5, "two", np.nan, -3, True, [1, 2]):
        with pytest.raises(BpttError, match=rf"^{name}: expected "):
            call(trace, dh, wrong)
