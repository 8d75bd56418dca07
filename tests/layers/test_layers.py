import numpy as np
import pytest

import bptt
from bptt.errors import NonFiniteError, ShapeError
from tests.conftest import random_layer, relative


def test_scalar_closed_form():
    """h_t = w h_{t-1}: ∂h_T/∂w = T h_0 w^(T-1), term by term w^(T-1) at every lag."""
    w, T = 0.9, 12
    layer = bptt.RNN([[0.0]], [[w]], [0.0], "identity")
    trace = layer.forward(np.zeros((T, 1, 1)), h0=[[2.0]])
    dh = np.zeros((T, 1, 1))
    dh[-1] = 1
    profile = bptt.by_lag(trace, dh)
    assert profile.dW_R[0, 0] == pytest.approx(T * 2 * w ** (T - 1), rel=1e-14)
    assert np.allclose(profile.norm, 2 * w ** (T - 1), rtol=1e-14)


def test_sequences_of_a_batch_do_not_mix(rng):
    layer = random_layer(rng)
    x, dh, h0 = (rng.normal(size=s) for s in ((9, 4, 3), (9, 4, 5), (4, 5)))
    whole = layer.backward(layer.forward(x, h0), dh)
    ones = [
        layer.backward(layer.forward(x[:, [n]], h0[[n]]), dh[:, [n]]) for n in range(4)
    ]  # fmt: skip
    assert relative(sum(g.dW_R for g in ones), whole.dW_R) < 1e-14
    assert relative(np.concatenate([g.dx for g in ones], 1), whole.dx) < 1e-14
    assert relative(np.concatenate([g.dh0 for g in ones]), whole.dh0) < 1e-14


def test_state_carried_across_chunks(rng):
    layer = random_layer(rng)
    x = rng.normal(size=(10, 2, 3))
    whole = layer.forward(x).h
    first = layer.forward(x[:6]).h
    assert (layer.forward(x[6:], first[-1]).h == whole[6:]).all()


def test_dx_by_complex_step(rng):
    from bptt import reference

    layer = random_layer(rng)
    x, dh = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2, 5))
    grads = layer.backward(layer.forward(x), dh)

    def E(moved):
        h = reference.forward(moved, np.zeros((2, 5)), layer.W_F, layer.W_R, layer.b, np.tanh)
        return (h[1:] * dh).sum()

    exact = [reference.complex_step(E, x, index) for index in np.ndindex(x.shape)]
    assert relative(grads.dx.ravel(), np.array(exact)) < 1e-13


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_type_is_kept(dtype, rng):
    layer = random_layer(rng, dtype=dtype)
    trace = layer.forward(rng.normal(size=(4, 2, 3)).astype(dtype))
    grads = layer.backward(trace, np.ones((4, 2, 5), dtype))
    arrays = [trace.h, trace.z, grads.dW_F, grads.dW_R, grads.db, grads.dx, grads.dh0]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}


def test_dlpack_and_array_protocol(rng):
    layer, x = random_layer(rng), rng.normal(size=(4, 2, 3))

    class OnlyDLPack:
        dtype = x.dtype

        def __dlpack__(self, **options):
            return x.__dlpack__(**options)

        def __dlpack_device__(self):
            return x.__dlpack_device__()

    class OnlyArray:
        dtype = x.dtype

        def __array__(self, dtype=None, copy=None):
            return x

    for wrapped in (OnlyDLPack(), OnlyArray(), x.tolist()):
        assert (layer.forward(wrapped).h == layer.forward(x).h).all()


def test_overflow_of_the_forward_pass_names_its_step():
    layer = bptt.RNN([[1.0]], [[10.0]], [0.0], "identity")
    with pytest.raises(NonFiniteError, match="overflow at step 309 of 400"):
        layer.forward(np.ones((400, 1, 1)))


def test_shapes_must_fit():
    with pytest.raises(ShapeError, match=r"W_R: expected shape \(2, 2\), got \(3, 3\)"):
        bptt.RNN(np.zeros((2, 1)), np.eye(3), np.zeros(2))


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "cho_gru"])
def test_long_sequences_go_back_in_stretches(kind, rng, monkeypatch):
    """The backward pass of a long sequence holds a stretch at a time; the gradient is the same."""
    from bptt.layers import trace as module

    net = bptt.Network.init(3, 4, 2, cell=kind, rng=rng, dtype="float64")
    resets = rng.random((50, 2)) < 0.05
    trace = net.body.forward(rng.normal(size=(50, 2, 3)), resets=resets)
    dh = rng.normal(size=(50, 2, 4))
    whole = net.body.backward(trace, dh)
    monkeypatch.setattr(module, "STRETCH", 7 * 2 * len(net.body.W_R) * 8)  # seven steps
    part = net.body.backward(trace, dh)
    for name, value in (whole.parameters() | whole.states() | {"x": whole.dx}).items():
        other = (part.parameters() | part.states() | {"x": part.dx})[name]
        assert np.abs(other - value).max() < 1e-13 * max(1, np.abs(value).max()), name


@pytest.mark.parametrize("cell", [bptt.RNN, bptt.LSTM, bptt.GRU], ids=lambda c: c.__name__)
def test_a_backward_pass_beyond_the_type_is_infinite_and_warns_of_nothing(cell):
    """By all loops: NumPy's warned where the compiled ones do not."""
    layer = cell.init(2, 3, rng=0, dtype="float32")
    layer.W_R *= np.float32(1e20)
    grads = layer.backward(layer.forward(np.zeros((6, 2, 2), "f4")), np.full((6, 2, 3), 1e30, "f4"))
    assert not np.isfinite(grads.dh0).all()
