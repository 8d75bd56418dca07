"""Recurrent layers: the parameters, and forward and backward over a sequence.

    layer = bptt.RNN(W_F, W_R, b)
    trace = layer.forward(x)          # z_t, h_t for every step
    grads = layer.backward(trace, dh) # dW_F, dW_R, db, dx, dh0

A layer is checked once, when it is made; a sequence when it comes in.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bptt import through_time
from bptt.arrays import Array, as_floats
from bptt.cells.activations import Activation, Pair, activation
from bptt.cells.initialise import recurrent_weights
from bptt.errors import NonFiniteError


@dataclass(frozen=True, eq=False)
class Trace:
    """What a forward pass leaves behind.

    Attributes:
        layer: the layer that made it.
        x: (T, B, I) inputs.
        z: (T, B, H) pre-activations.
        h: (T+1, B, H) states; ``h[0]`` is the initial state, ``h[t+1]`` belongs to ``x[t]``.
    """

    layer: "RNN"
    x: Array
    z: Array
    h: Array

    def slope(self) -> Array:
        """φ′(z_t) of every step and unit, (T, B, H)."""
        return self.layer.phi.derivative(self.z, self.h[1:])


@dataclass(frozen=True, eq=False)
class Grads:
    """The gradient of the error E; each has the shape of what it is the derivative by.

    Attributes:
        dW_F: (H, I).
        dW_R: (H, H).
        db: (H,).
        dx: (T, B, I).
        dh0: (B, H).
    """

    dW_F: Array
    dW_R: Array
    db: Array
    dx: Array
    dh0: Array


class RNN:
    r"""A plain recurrent layer, h_t = φ(W_F x_t + W_R h_{t-1} + b).

    Args:
        W_F: (H, I) weights of the input; PyTorch's ``weight_ih_l0``.
        W_R: (H, H) recurrent weights; PyTorch's ``weight_hh_l0``.
        b: (H,) bias; PyTorch's ``bias_ih_l0 + bias_hh_l0``.
        activation: a name (see ``bptt.cells.activations.ACTIVATIONS``) or a pair of functions
            (φ, φ′) of z.

    Raises:
        ShapeError: if the shapes do not fit one another.
        DTypeError: if they are not all float32 or all float64.
        NonFiniteError: if a weight is NaN or infinite.
        OptionError: if the activation is unknown.

    >>> import numpy as np, bptt
    >>> layer = bptt.RNN(W_F=np.eye(2), W_R=0.5 * np.eye(2), b=np.zeros(2), activation="identity")
    >>> layer.forward(np.ones((3, 1, 2))).h[:, 0, 0]
    array([0.  , 1.  , 1.5 , 1.75])
    """

    def __init__(
        self, W_F: Any, W_R: Any, b: Any, activation: str | Pair | Activation = "tanh"
    ) -> None:
        self.W_F = as_floats("W_F", W_F, ("H", "I"))
        H = len(self.W_F)
        self.W_R = as_floats("W_R", W_R, (H, H), self.W_F.dtype)
        self.b = as_floats("b", b, (H,), self.W_F.dtype)
        self.phi = _activation(activation)

    @classmethod
    def init(
        cls,
        inputs: int,
        hidden: int,
        scheme: str = "pytorch",
        *,
        activation: str | Pair | Activation = "tanh",
        gain: float = 1.0,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> Self:
        """A layer with fresh weights.

        Args:
            inputs: I, size of x_t.
            hidden: H, size of h_t.
            scheme: "pytorch", "glorot", "orthogonal", "identity" or "gaussian"; see
                ``bptt.cells.initialise``.
            activation: as for the class.
            gain: multiplies W_R.
            rng: a seed or a ``numpy.random.Generator``.
            dtype: float32 or float64.

        Raises:
            OptionError: if one of them is outside its choices.
        """
        return cls(*recurrent_weights(inputs, hidden, scheme, gain, rng, dtype), activation)

    @property
    def inputs(self) -> int:
        """I, the size of x_t."""
        return int(self.W_F.shape[1])

    @property
    def hidden(self) -> int:
        """H, the size of h_t."""
        return len(self.W_F)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type everything is computed in: float32 or float64."""
        return self.W_F.dtype

    def parameters(self) -> dict[str, Array]:
        """The weights by name; the arrays themselves, not copies."""
        return {"W_F": self.W_F, "W_R": self.W_R, "b": self.b}

    def forward(self, x: Any, h0: Any = None) -> Trace:
        """The states over a sequence.

        Args:
            x: (T, B, I) inputs, time first.
            h0: (B, H) initial state; zeros if not given.

        Raises:
            ShapeError: if x is not (T, B, I) or h0 not (B, H).
            DTypeError: if their type is not that of the weights.
            NonFiniteError: if they hold NaN or infinity, or if the states grow beyond the type.
        """
        x = as_floats("x", x, ("T", "B", self.inputs), self.dtype)
        T, B, _ = x.shape
        if h0 is None:
            h0 = np.zeros((B, self.hidden), self.dtype)
        h0 = as_floats("h0", h0, (B, self.hidden), self.dtype)
        drive = (x.reshape(T * B, -1) @ self.W_F.T + self.b).reshape(T, B, -1)
        with np.errstate(over="ignore", invalid="ignore"):  # refused below, with the step's number
            z, h = through_time.forward(drive, h0, self.W_R, self.phi)
        if not np.isfinite(h).all():
            t = int(np.argmin(np.isfinite(h).all((1, 2)))) - 1
            raise NonFiniteError(
                "h", f"states within {self.dtype}", f"an overflow at step {t} of {T}",
                "Scale W_R down or shorten the sequence: the forward pass itself explodes.",
            )  # fmt: skip
        return Trace(self, x, z, h)

    def backward(self, trace: Trace, dh: Any) -> Grads:
        r"""Reverse mode (Q2): backpropagation through time (Werbos 1990).

        The weight gradients are one matrix product each, after the loop:
        dW_R = Σ_t dz_tᵀ h_{t-1}, dW_F = Σ_t dz_tᵀ x_t, db = Σ_t dz_t, dx_t = dz_t W_F.

        Args:
            trace: from this layer's ``forward``.
            dh: (T, B, H) immediate gradient ∂⁺E/∂h_t of every step.

        Raises:
            ShapeError: if dh is not (T, B, H).
            DTypeError: if its type is not that of the weights.
            NonFiniteError: if it holds NaN or infinity.
        """
        dh = as_floats("dh", dh, trace.z.shape, self.dtype)
        dz, dh0 = through_time.backward(dh, trace.slope(), self.W_R)
        T, B, H = dz.shape
        flat = dz.reshape(T * B, H)
        return Grads(
            dW_F=flat.T @ trace.x.reshape(T * B, -1),
            dW_R=flat.T @ trace.h[:-1].reshape(T * B, H),
            db=flat.sum(0),
            dx=(flat @ self.W_F).reshape(trace.x.shape),
            dh0=dh0,
        )

    def __repr__(self) -> str:
        """Sizes, activation and type."""
        return (
            f"RNN(inputs={self.inputs}, hidden={self.hidden}, "
            f"activation={self.phi.name!r}, dtype={self.dtype})"
        )


# The class's argument hides the function of the same name.
_activation = activation
