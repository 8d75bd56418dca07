r"""Optimisers and clipping, in PyTorch's conventions; they change the parameters in place.

    SGD      v ← μ v + g,  θ ← θ - η v                                      (Polyak 1964)
    RMSprop  v ← α v + (1-α) g²,  θ ← θ - η g / (√v + ε)                    (Hinton 2012, lecture 6e)
    Adam     m ← β₁ m + (1-β₁) g,  v ← β₂ v + (1-β₂) g²,
             θ ← θ - η m̂ / (√v̂ + ε),  m̂ = m/(1-β₁ⁿ), v̂ = v/(1-β₂ⁿ)           (Kingma & Ba 2015)
    clip     g ← g · min(1, c/‖g‖)                                            (Pascanu 2013)

g is the gradient, θ a parameter, n the number of the update. A schedule multiplies η.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptt.arrays import Array, as_number

Parameters = dict[str, Array]


@dataclass(frozen=True, eq=False)
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
        _keep(self, "lr", "(0, ∞)", "Try 0.001.")
        _keep(self, "momentum", "[0, 1)", "0.9 is usual.")

    def step(self, parameters: Parameters, grads: Parameters, n: int, factor: float = 1.0) -> None:
        """One update of the parameters, in place.

        Args:
            parameters: θ by name.
            grads: ∂E/∂θ by the same names and of the same shapes.
            n: the update's number, counted from 1.
            factor: that multiplies the learning rate.
        """
        for name, theta in parameters.items():
            v = _kept(self.state, f"v.{name}", theta)
            v *= self.momentum
            v += grads[name]
            theta -= factor * self.lr * v


@dataclass(frozen=True, eq=False)
class RMSprop:
    """The gradient over the root of its mean square.

    Attributes:
        lr: η, the learning rate.
        alpha: α, decay of the mean of the square.
        eps: ε, added to the root.
        state: "v.name" -> the mean; what a checkpoint keeps.
    """

    lr: float = 1e-3
    alpha: float = 0.99
    eps: float = 1e-8
    state: Parameters = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        _keep(self, "lr", "(0, ∞)", "Try 0.001.")
        _keep(self, "alpha", "[0, 1)", "0.9 is usual.")

    def step(self, parameters: Parameters, grads: Parameters, n: int, factor: float = 1.0) -> None:
        """One update of the parameters, in place.

        Args:
            parameters: θ by name.
            grads: ∂E/∂θ by the same names and of the same shapes.
            n: the update's number, counted from 1.
            factor: that multiplies the learning rate.
        """
        for name, theta in parameters.items():
            g = grads[name]
            v = _kept(self.state, f"v.{name}", theta)
            change = np.multiply(g, g)
            change *= 1 - self.alpha
            v *= self.alpha
            v += change
            np.sqrt(v, out=change)
            change += self.eps
            np.divide(g, change, out=change)
            change *= factor * self.lr
            theta -= change


@dataclass(frozen=True, eq=False)
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
        _keep(self, "lr", "(0, ∞)", "Try 0.001.")
        _keep(self, "beta1", "[0, 1)", "0.9 is usual.")
        _keep(self, "beta2", "[0, 1)", "0.9 is usual.")

    def step(self, parameters: Parameters, grads: Parameters, n: int, factor: float = 1.0) -> None:
        """One update of the parameters, in place.

        Args:
            parameters: θ by name.
            grads: ∂E/∂θ by the same names and of the same shapes.
            n: the update's number, counted from 1.
            factor: that multiplies the learning rate.
        """
        rate, root = factor * self.lr / (1 - self.beta1**n), (1 - self.beta2**n) ** 0.5
        for name, theta in parameters.items():
            g = grads[name]
            m, v = (_kept(self.state, f"{kind}.{name}", theta) for kind in "mv")
            # One array of this size is made; every line below is a pass over memory at hand.
            change = np.subtract(g, m)
            change *= 1 - self.beta1
            m += change
            np.multiply(g, g, out=change)
            change *= 1 - self.beta2
            v *= self.beta2
            v += change
            np.sqrt(v, out=change)
            change *= 1 / root
            change += self.eps
            np.divide(m, change, out=change)
            change *= rate
            theta -= change


Optimiser = SGD | RMSprop | Adam


def clip_by_norm(grads: Parameters, limit: float | None) -> float:
    """Scale the gradients, in place, so that their common norm is at most ``limit``.

    Returns:
        the norm before clipping; clipping was active if it exceeds the limit.
    """
    # In float64: the square of an exploding float32 gradient overflows where its norm does not.
    norm = float(np.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in grads.values())))
    if limit is not None and limit < norm < np.inf:
        for g in grads.values():
            g *= g.dtype.type(limit / norm)
    return norm


def _kept(state: Parameters, name: str, theta: Array) -> Array:
    """An array of the state, zeros at first."""
    if name not in state:
        state[name] = np.zeros_like(theta)
    return state[name]


def _keep(optimiser: Any, name: str, interval: str, cure: str) -> None:
    """A setting as a number of Python's, which a checkpoint can keep.

    Raises:
        OptionError: if it is outside the interval.
    """
    object.__setattr__(optimiser, name, as_number(name, getattr(optimiser, name), interval, cure))
