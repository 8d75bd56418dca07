"""The recurrent layers.

    layer = bptt.LSTM(W_F, W_R, b)
    trace = layer.forward(x)          # h_t (and c_t) for every step
    grads = layer.backward(trace, dh) # dW_F, dW_R, db, dx, dh0, dc0

Their weights have PyTorch's shapes and gate order.
"""

from typing import Any

from bptt.arrays import Array
from bptt.cells import cho_gru, gru, lstm, rnn
from bptt.cells.activations import Activation, Pair
from bptt.layers.layer import Layer
from bptt.layers.parameters import TANH


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

    cell = rnn.CELL

    def __init__(
        self, W_F: Any, W_R: Any, b: Any, activation: str | Pair | Activation = TANH
    ) -> None:
        super().__init__(W_F, W_R, b, activation=activation)


class LSTM(Layer):
    """An LSTM layer in PyTorch's gate order i, f, g, o; see ``bptt.cells.lstm``.

    Args:
        W_F: (4H, I) ``weight_ih_l0``.
        W_R: (4H, H) ``weight_hh_l0``.
        b: (4H,) ``bias_ih_l0 + bias_hh_l0``.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if they do not fit one another.
    """

    cell = lstm.CELL

    def __init__(self, W_F: Any, W_R: Any, b: Any) -> None:
        super().__init__(W_F, W_R, b)


class GRU(Layer):
    """A GRU layer in PyTorch's form and gate order r, z, n; see ``bptt.cells.gru``.

    Args:
        W_F: (3H, I) ``weight_ih_l0``.
        W_R: (3H, H) ``weight_hh_l0``.
        b: (3H,) ``bias_ih_l0 + bias_hh_l0``, but for the candidate n ``bias_ih_l0`` alone.
        b_Rn: (H,) the candidate's part of ``bias_hh_l0``.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if they do not fit one another.
    """

    cell = gru.CELL
    b_Rn: Array

    def __init__(self, W_F: Any, W_R: Any, b: Any, b_Rn: Any) -> None:
        super().__init__(W_F, W_R, b, b_Rn)


class ChoGRU(Layer):
    """A GRU as first published, its reset gate before W_R, in gate order r, z, n; see ``bptt.cells.cho_gru``.

    That of Keras with reset_after=False and of ONNX with linear_before_reset=0. PyTorch has none; its is ``GRU``.

    Args:
        W_F: (3H, I) weights of the input.
        W_R: (3H, H) recurrent weights.
        b: (3H,) bias.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if they do not fit one another.
    """

    cell = cho_gru.CELL

    def __init__(self, W_F: Any, W_R: Any, b: Any) -> None:
        super().__init__(W_F, W_R, b)


KINDS: dict[str, type[Layer]] = {kind.cell.name: kind for kind in (RNN, LSTM, GRU, ChoGRU)}
