r"""Optimisers and clipping, in PyTorch's conventions; they change the parameters in place.

    SGD    v ← μ v + g,  θ ← θ - η v                                        (Polyak 1964)
    Adam   m ← β₁ m + (1-β₁) g,  v ← β₂ v + (1-β₂) g²,
           θ ← θ - η m̂ / (√v̂ + ε),  m̂ = m/(1-β₁ⁿ), v̂ = v/(1-β₂ⁿ)           (Kingma & Ba 2015)
    clip   g ← g · min(1, c/‖g‖)                                            (Pascanu 2013)

g is the gradient, θ a parameter, n the number of the step.
"""

from dataclasses import dataclass, field

import numpy as np

from bptt.arrays import Array
from bptt.errors import OptionError

Parameters = dict[str, Array]


@dataclass(eq=False)
class SGD:
    """Stochastic gradient descent with momentum.

    Attributes:
        lr: η, the learning rate.
        momentum: μ.
        state: "v.name" -> velocity; what a checkpoint keeps.
    """

    lr: float = 0.1
    momentum: float = 0.0
    state: Parameters = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        _positive("lr", self.lr)
        _fraction("momentum", self.momentum)

    def step(self, parameters: Parameters, grads: Parameters, n: int) -> None:
        """One step, the n-th counted from 1."""
        for name, theta in parameters.items():
            v = self.state.setdefault(f"v.{name}", np.zeros_like(theta))
            v *= self.momentum
            v += grads[name]
            theta -= self.lr * v


@dataclass(eq=False)
class Adam:
    """Adam.

    Attributes:
        lr: η, the learning rate.
        beta1: decay of the mean of the gradient.
        beta2: decay of the mean of its square.
        eps: ε, added to the root.
        state: "m.name", "v.name" -> the two means; what a checkpoint keeps.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    state: Parameters = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        _positive("lr", self.lr)
        _fraction("beta1", self.beta1)
        _fraction("beta2", self.beta2)

    def step(self, parameters: Parameters, grads: Parameters, n: int) -> None:
        """One step, the n-th counted from 1."""
        root = (1 - self.beta2**n) ** 0.5
        for name, theta in parameters.items():
            g = grads[name]
            m = self.state.setdefault(f"m.{name}", np.zeros_like(theta))
            v = self.state.setdefault(f"v.{name}", np.zeros_like(theta))
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            theta -= self.lr / (1 - self.beta1**n) * m / (np.sqrt(v) / root + self.eps)


Optimiser = SGD | Adam


def clip_by_norm(grads: Parameters, limit: float | None) -> float:
    """Scale the gradients, in place, so that their common norm is at most ``limit``.

    Returns:
        the norm before clipping; clipping bound if it exceeds the limit.
    """
    # In float64: the square of an exploding float32 gradient overflows where its norm does not.
    norm = float(np.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in grads.values())))
    if limit is not None and norm > limit:
        for g in grads.values():
            g *= g.dtype.type(limit / norm)
    return norm


def _positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise OptionError(name, "a positive number", str(value), "Try 0.001.")


def _fraction(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise OptionError(name, "a number in [0, 1)", str(value), "0.9 is usual.")
