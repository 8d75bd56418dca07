"""The three recurrent layers.

    layer = bptt.LSTM(W_F, W_R, b)
    trace = layer.forward(x)          # h_t (and c_t) for every step
    grads = layer.backward(trace, dh) # dW_F, dW_R, db, dx, dh0, dc0

Their weights have PyTorch's shapes and gate order.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bptt.arrays import as_floats
from bptt.cells import gru, lstm, rnn
from bptt.cells.activations import Activation, Pair
from bptt.cells.activations import activation as find_activation
from bptt.cells.initialise import candidate_bias, random_generator, recurrent_weights
from bptt.layers.layer import Layer


class RNN(Layer):
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

    cell = rnn
    kind = "rnn"

    def __init__(
        self, W_F: Any, W_R: Any, b: Any, activation: str | Pair | Activation = "tanh"
    ) -> None:
        super().__init__(W_F, W_R, b)
        self.phi = self.extra = find_activation(activation)

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

    def copy(self) -> Self:
        """The same layer with weights of its own."""
        return type(self)(self.W_F.copy(), self.W_R.copy(), self.b.copy(), self.phi)

    def __repr__(self) -> str:
        """Sizes, activation and type."""
        return (
            f"RNN(inputs={self.inputs}, hidden={self.hidden}, "
            f"activation={self.phi.name!r}, dtype={self.dtype})"
        )


class _Gated(Layer):
    """What LSTM and GRU share: fresh weights, gate by gate."""

    @classmethod
    def init(
        cls,
        inputs: int,
        hidden: int,
        scheme: str = "pytorch",
        *,
        gain: float = 1.0,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> Self:
        """A layer with fresh weights; the arguments of ``RNN.init``, the scheme gate by gate.

        Raises:
            OptionError: if one of them is outside its choices.
        """
        generator = random_generator(rng)
        gates = cls.cell.GATES
        weights = recurrent_weights(inputs, hidden, scheme, gain, generator, dtype, gates)
        return cls(*cls._complete(weights, scheme, generator))

    @staticmethod
    def _complete(
        weights: tuple[Any, ...], scheme: str, rng: np.random.Generator
    ) -> tuple[Any, ...]:
        """What the cell needs beside W_F, W_R and b."""
        return weights


class LSTM(_Gated):
    """An LSTM layer in PyTorch's gate order i, f, g, o; see ``bptt.cells.lstm``.

    Args:
        W_F: (4H, I) ``weight_ih_l0``.
        W_R: (4H, H) ``weight_hh_l0``.
        b: (4H,) ``bias_ih_l0 + bias_hh_l0``.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if they do not fit one another.
    """

    cell = lstm
    kind = "lstm"


class GRU(_Gated):
    """A GRU layer in PyTorch's form and gate order r, z, n; see ``bptt.cells.gru``.

    Args:
        W_F: (3H, I) ``weight_ih_l0``.
        W_R: (3H, H) ``weight_hh_l0``.
        b: (3H,) ``bias_ih_l0 + bias_hh_l0``, but for the candidate n ``bias_ih_l0`` alone.
        b_Rn: (H,) the candidate's part of ``bias_hh_l0``.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if they do not fit one another.
    """

    cell = gru
    kind = "gru"

    def __init__(self, W_F: Any, W_R: Any, b: Any, b_Rn: Any) -> None:
        super().__init__(W_F, W_R, b)
        self.b_Rn = self.extra = as_floats("b_Rn", b_Rn, (self.hidden,), self.dtype)

    @staticmethod
    def _complete(
        weights: tuple[Any, ...], scheme: str, rng: np.random.Generator
    ) -> tuple[Any, ...]:
        W_F, W_R, b = weights
        return candidate_bias(W_F, W_R, b, scheme, rng)

    def parameters(self) -> dict[str, Any]:
        """The weights by name; the arrays themselves, not copies."""
        return super().parameters() | {"b_Rn": self.b_Rn}
