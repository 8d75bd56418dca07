import numpy as np
import pytest

import bptt
from bptt.cells.initialise import SCHEMES
from bptt.errors import OptionError

I, H = 30, 400


def weights(scheme, **options):
    layer = bptt.RNN.init(I, H, scheme, rng=1, dtype="float64", **options)
    return layer.W_F, layer.W_R, layer.b


def test_pytorch():
    W_F, W_R, b = weights("pytorch")
    for W in (W_F, W_R):  # U(-1/√H, 1/√H): variance 1/(3H)
        assert np.abs(W).max() <= H**-0.5
        assert W.var() == pytest.approx(1 / (3 * H), rel=0.05)
    assert b.var() == pytest.approx(2 / (3 * H), rel=0.2)  # the sum of two biases
    assert np.abs(b).max() > H**-0.5


def test_glorot():
    W_F, W_R, b = weights("glorot")
    assert W_F.var() == pytest.approx(2 / (H + I), rel=0.05)
    assert W_R.var() == pytest.approx(2 / (H + H), rel=0.05)
    assert not b.any()


def test_orthogonal():
    _, W_R, _ = weights("orthogonal", gain=1.5)
    assert np.allclose(W_R @ W_R.T, 2.25 * np.eye(H), atol=1e-12)


def test_identity():
    W_F, W_R, b = weights("identity")
    assert (W_R == np.eye(H)).all()
    assert W_F.std() == pytest.approx(0.001, rel=0.05)
    assert not b.any()


def test_gaussian():
    """Girko's circular law: the spectral radius of N(0, g²/H) is g."""
    _, W_R, _ = weights("gaussian", gain=0.8)
    assert np.abs(np.linalg.eigvals(W_R)).max() == pytest.approx(0.8, rel=0.07)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_seed_and_type(scheme):
    a, b, c = (bptt.RNN.init(3, 4, scheme, rng=seed) for seed in (0, 0, 1))
    assert (a.W_R == b.W_R).all()
    assert a.W_F.dtype == np.float32
    assert (a.W_F != c.W_F).any()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"scheme": "he"}, "scheme"),
        ({"hidden": 0}, "hidden"),
        ({"inputs": 0}, "inputs"),
        ({"gain": np.nan}, "gain"),
        ({"dtype": "float16"}, "dtype"),
        ({"rng": -1}, "seed"),
    ],
)
def test_refused(options, name):
    with pytest.raises(OptionError, match=f"^{name}: expected"):
        bptt.RNN.init(**({"inputs": 2, "hidden": 3} | options))
