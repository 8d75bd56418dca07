"""A state kept now and then, the others made again: the same gradient in little memory."""

import json
import subprocess
import sys

import numpy as np
import pytest

import bptt
from bptt.errors import NonFiniteError, OptionError, ShapeError
from bptt.kernels import instruction_sets
from tests.conftest import relative

T, B, I, H = 23, 3, 4, 6
LAYERS = {"RNN": bptt.RNN, "LSTM": bptt.LSTM, "GRU": bptt.GRU}


@pytest.fixture(params=LAYERS)
def layer(request):
    return LAYERS[request.param].init(I, H, rng=1, dtype="float64")


def same(one, other):
    expected = one.parameters() | one.states() | {"x": one.dx}
    found = other.parameters() | other.states() | {"x": other.dx}
    for name, value in expected.items():
        assert relative(found[name], value) < 1e-12, name


@pytest.mark.parametrize("every", [1, 4, 22, 23, 100])
@pytest.mark.parametrize("ragged", [False, True])
def test_the_same_gradient(layer, every, ragged, rng):
    x, dh = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    options = {"h0": rng.normal(size=(B, H))}
    if ragged:
        options |= {"lengths": [23, 7, 12], "resets": rng.random((T, B)) < 0.2}
        dh[np.arange(T)[:, None] >= np.array(options["lengths"])] = 0
    whole = layer.forward(x, **options)
    kept = layer.forward(x, **options, checkpoint_every=every)
    assert len(kept.checkpoints) == -(-T // every)
    for final, states in zip(kept.final, whole.states, strict=True):
        assert np.allclose(final, states[-1], rtol=1e-13, atol=1e-13)
    same(layer.backward(whole, dh), layer.backward(kept, dh))


def test_errors_from_a_function(layer, rng):
    """E = Σ h³/3 of every step, of which no more than a stretch is ever held."""
    x, seen = rng.normal(size=(T, B, I)), []

    def dh(first, h):
        seen.append((first, len(h)))
        return h**2

    whole = layer.forward(x)
    expected = layer.backward(whole, whole.h[1:] ** 2)
    same(expected, layer.backward(layer.forward(x, checkpoint_every=10), dh))
    assert seen == [(20, 3), (10, 10), (0, 10)]
    same(expected, layer.backward(whole, dh))


def test_refused(layer, rng):
    x = rng.normal(size=(T, B, I))
    for wrong in (0, -3, 2.5, True, "4"):
        with pytest.raises(OptionError, match="checkpoint_every: expected a whole number from 1"):
            layer.forward(x, checkpoint_every=wrong)
    trace = layer.forward(x, checkpoint_every=5)
    with pytest.raises(ShapeError, match=r"dh: expected shape \(3, 3, 6\)"):
        layer.backward(trace, lambda first, h: h[:1])
    dh = rng.normal(size=(T, B, H))
    for use in (bptt.by_lag, bptt.by_step, lambda t, d: bptt.truncated_bptt(t, d, 2, 2)):
        with pytest.raises(OptionError, match="trace: expected a trace that holds every step"):
            use(trace, dh)
    with pytest.raises(OptionError, match="Leave checkpoint_every out"):
        bptt.lyapunov(trace)
    with pytest.raises(AttributeError):
        trace.nothing  # noqa: B018


def test_an_overflow_is_named_with_its_step():
    layer = bptt.RNN(np.ones((2, 1)), 2e10 * np.eye(2), np.zeros(2), "relu")
    with pytest.raises(NonFiniteError, match="an overflow at step 30 of 90"):
        layer.forward(np.ones((90, 1, 1)), checkpoint_every=7)


LONG = """
import json, resource, sys
import numpy as np, bptt
T, B, I, H = int(sys.argv[2]), 1, 8, 64
layer = getattr(bptt, sys.argv[1]).init(I, H, rng=0)
x = np.random.default_rng(0).standard_normal((T, B, I), dtype="float32")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
trace = layer.forward(x, checkpoint_every=1000)
grads = layer.backward(trace, lambda first, h: h)
print(json.dumps({"mb": peak() - before, "norm": float(np.linalg.norm(grads.dW_R))}))
"""


@pytest.mark.parametrize("cell", LAYERS)
@pytest.mark.long
def test_a_million_steps_in_200_mb_beyond_the_input(cell):
    # The NumPy loops take a minute for as many: of a tenth they must hold no more either.
    T = 1_000_000 if instruction_sets.compiled else 100_000
    command = [sys.executable, "-c", LONG, cell, str(T)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["norm"] > 0
    assert found["mb"] < 200
