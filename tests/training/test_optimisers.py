import numpy as np
import pytest

from bptt.errors import OptionError
from bptt.training.optimisers import SGD, Adam, clip_by_norm


def test_sgd_by_hand():
    theta, sgd = np.array([1.0]), SGD(lr=0.1, momentum=0.5)
    for n, (g, expected) in enumerate([(2.0, 0.8), (2.0, 0.5), (0.0, 0.35)], 1):
        sgd.step({"a": theta}, {"a": np.array([g])}, n)
        assert theta[0] == pytest.approx(expected)  # v = 2, 3, 1.5


def test_adam_by_hand():
    """Kingma & Ba, algorithm 1, two steps written out."""
    theta, adam = np.array([1.0]), Adam(lr=0.1)
    adam.step({"a": theta}, {"a": np.array([3.0])}, 1)
    assert theta[0] == pytest.approx(1 - 0.1 * 3 / (3 + 1e-8), abs=1e-14)
    before = theta[0]
    adam.step({"a": theta}, {"a": np.array([-1.0])}, 2)
    m = (0.9 * 0.1 * 3 + 0.1 * -1) / (1 - 0.9**2)
    v = (0.999 * 0.001 * 9 + 0.001 * 1) / (1 - 0.999**2)
    assert theta[0] == pytest.approx(before - 0.1 * m / (np.sqrt(v) + 1e-8), abs=1e-14)


def test_clip():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([4.0])}
    assert clip_by_norm(grads, 10.0) == 5
    assert grads["b"][0] == 4
    assert clip_by_norm(grads, 1.0) == 5
    assert grads["a"][0] == pytest.approx(0.6)
    assert grads["b"][0] == pytest.approx(0.8)
    assert clip_by_norm(grads, None) == pytest.approx(1)


@pytest.mark.parametrize("make", [lambda: SGD(lr=0), lambda: Adam(lr=-1), lambda: SGD(momentum=1),
                                  lambda: Adam(beta2=2)])  # fmt: skip
def test_refused(make):
    with pytest.raises(OptionError):
        make()
