import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from bptt.errors import OptionError
from bptt.optimisers import SGD, Adam, RMSprop, clip_by_norm


def test_sgd_by_hand():
    theta, sgd = np.array([1.0]), SGD(lr=0.1, momentum=0.5)
    for n, (g, expected) in enumerate([(2.0, 0.8), (2.0, 0.5), (0.0, 0.35)], 1):
        sgd.step({"a": theta}, {"a": np.array([g])}, n)
        assert theta[0] == pytest.approx(expected)  # v = 2, 3, 1.5


def test_adam_by_hand():
    """Kingma & Ba, algorithm 1, two updates written out."""
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
                                  lambda: Adam(beta2=2), lambda: RMSprop(alpha=1)])  # fmt: skip
def test_refused(make):
    with pytest.raises(OptionError):
        make()


TORCH = {
    "sgd": (lambda: SGD(0.05, 0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "plain sgd": (lambda: SGD(0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "rmsprop": (lambda: RMSprop(0.01), lambda p: torch.optim.RMSprop(p, 0.01)),
    "rmsprop, other": (
        lambda: RMSprop(0.003, alpha=0.9, eps=1e-4),
        lambda p: torch.optim.RMSprop(p, 0.003, alpha=0.9, eps=1e-4),
    ),
    "adam": (lambda: Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "adam, other": (
        lambda: Adam(0.003, 0.8, 0.95, 1e-4),
        lambda p: torch.optim.Adam(p, 0.003, betas=(0.8, 0.95), eps=1e-4),
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_hundred_updates_as_in_torch(name, rng):
    """The gradients of a bowl with random pushes, in float64: only the rounding may differ."""
    ours, theirs = TORCH[name]
    theta = {"a": rng.normal(size=(5, 3)), "b": rng.normal(size=4)}
    tensors = {key: torch.tensor(value.copy()) for key, value in theta.items()}
    optimiser, reference = ours(), theirs(list(tensors.values()))
    for n in range(1, 101):
        pushes = {key: rng.normal(size=value.shape) for key, value in theta.items()}
        for key, tensor in tensors.items():
            tensor.grad = tensor + torch.tensor(pushes[key])
        grads = {key: value + pushes[key] for key, value in theta.items()}
        optimiser.step(theta, grads, n)
        reference.step()
    for key, value in theta.items():
        np.testing.assert_allclose(value, tensors[key].numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("make", [lambda lr: SGD(lr, 0.9), RMSprop, Adam])
def test_a_factor_is_another_learning_rate(make, rng):
    a, b = {"a": np.ones(3)}, {"a": np.ones(3)}
    g = {"a": rng.normal(size=3)}
    make(0.1).step(a, g, 1, factor=0.25)
    make(0.025).step(b, g, 1)
    np.testing.assert_allclose(a["a"], b["a"], rtol=1e-15)


def test_an_infinite_gradient_is_told_not_scaled():
    grads = {"a": np.array([np.inf, 1.0])}
    assert clip_by_norm(grads, 1.0) == np.inf
    assert grads["a"][1] == 1
