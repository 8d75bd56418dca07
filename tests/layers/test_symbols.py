"""Integers in the place of one-hot inputs: the same states and gradients, without the products."""

import numpy as np
import pytest

import bptt
from bptt import kernels
from bptt.errors import DTypeError, OptionError, ShapeError
from tests.conftest import relative

CELLS = {"rnn": bptt.RNN, "lstm": bptt.LSTM, "gru": bptt.GRU}
T, B, I, H = 23, 5, 7, 6


def case(name, dtype="float64", seed=0, size=I):
    rng = np.random.default_rng(seed)
    layer = CELLS[name].init(size, H, rng=seed, dtype=dtype)
    codes = rng.integers(0, size, (T, B))
    return (
        layer,
        codes,
        np.eye(size, dtype=dtype)[codes],
        rng.standard_normal((T, B, H)).astype(dtype),
    )


def same(found, expected, far=1e-13):
    for name, value in (expected.parameters() | expected.states()).items():
        assert relative((found.parameters() | found.states())[name], value) < far, name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [I, 400], ids=["few symbols", "more symbols than steps"])
@pytest.mark.parametrize("name", CELLS)
def test_a_layer_takes_integers(name, dtype, size):
    layer, codes, x, dh = case(name, dtype, size=size)
    ours, plain = layer.forward(codes), layer.forward(x)
    assert np.array_equal(ours.h, plain.h)
    assert np.array_equal(ours.x, plain.x)
    grads = layer.backward(ours, dh)
    same(grads, layer.backward(plain, dh), 1e-12 if dtype == "float64" else 1e-5)
    assert grads.dx is None


@pytest.mark.parametrize("kind", [np.uint8, np.int32, ">i8", np.uint64])
def test_any_type_of_integers_in_any_order(kind):
    layer, codes, x, _ = case("gru")
    expected = layer.forward(x).h
    assert np.array_equal(layer.forward(codes.astype(kind)).h, expected)
    assert np.array_equal(layer.forward(np.asfortranarray(codes)).h, expected)
    assert np.array_equal(layer.forward(codes.tolist()).h, expected)


@pytest.mark.parametrize("name", CELLS)
def test_lengths_resets_and_checkpoints(name):
    """What stands behind an end is not read."""
    layer, codes, x, dh = case(name)
    lengths, resets = np.array([23, 4, 11, 1, 20]), np.zeros((T, B), bool)
    resets[[3, 9], [0, 2]] = True
    behind = np.arange(T)[:, None] >= lengths
    codes[behind], dh[behind] = -1, 0
    ours = layer.forward(codes, lengths=lengths, resets=resets)
    plain = layer.forward(x, lengths=lengths, resets=resets)
    assert np.array_equal(ours.h, plain.h)
    assert np.array_equal(ours.x, plain.x)
    same(layer.backward(ours, dh), layer.backward(plain, dh))
    kept = layer.forward(codes, lengths=lengths, resets=resets, checkpoint_every=5)
    same(layer.backward(kept, dh), layer.backward(plain, dh))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_stack_a_network_and_its_lags(bidirectional):
    _, codes, x, _ = case("lstm")
    network = bptt.Network.init(
        I, H, 3, cell="lstm", layers=2, bidirectional=bidirectional, rng=0, dtype="float64"
    )
    lengths = np.array([23, 4, 11, 1, 20])
    for given in (None, lengths):
        ours, plain = (network.run(inputs, codes % 3, lengths=given) for inputs in (codes, x))
        assert ours.E == plain.E
        found, expected = network.backward(ours), network.backward(plain)
        for name, value in expected.items():
            assert relative(found[name], value) < 1e-13, name
        for one, other in zip(
            *(bptt.by_lag(run.stack_trace, run.dh) for run in (ours, plain)), strict=True
        ):
            assert relative(one.norm, other.norm) < 1e-13


@pytest.mark.parametrize(
    ("codes", "error", "says"),
    [
        (np.full((3, 2), 7), OptionError, "integers from 0 to 6"),
        (np.full((3, 2), -1), OptionError, "from -1 to -1"),
        (np.full(3, 1), DTypeError, "float32 or float64"),
        (np.zeros((0, 2), int), ShapeError, "empty"),
    ],
)
def test_integers_that_name_no_input_are_refused(codes, error, says):
    layer = case("rnn")[0]
    with pytest.raises(error, match="x: ") as refused:
        layer.forward(codes)
    assert says in str(refused.value)


def test_a_trace_says_no_other_symbols_than_its_rows_hold():
    x = case("rnn")[0].forward(case("rnn")[1]).x
    assert np.array_equal(kernels.codes_of(x[3:9]), np.asarray(x[3:9]).argmax(-1))
    for other in (x * 2, x[:, :2], x.take([0], 1), x[::-1].copy(), np.ascontiguousarray(x), x[3]):
        assert kernels.codes_of(other) is None
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 0
