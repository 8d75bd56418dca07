"""One layer's weights as PyTorch names them, to and fro.

    W_F  weight_ih      W_R  weight_hh      b  bias_ih + bias_hh

PyTorch adds two biases. All of b goes into bias_ih, and bias_hh is zero but for gates whose recurrent bias stands
apart: the candidate of a GRU.
"""

from collections.abc import Mapping

import numpy as np

from bptt.arrays import Array
from bptt.layers import Layer


def layer_of(
    kind: type[Layer], weights: Mapping[str, Array], activation: str | None = None
) -> Layer:
    """The layer with PyTorch's weights.

    Args:
        kind: ``RNN``, ``LSTM`` or ``GRU``.
        weights: "weight_ih" (G·H, I), "weight_hh" (G·H, H) and, if there are any, "bias_ih" and "bias_hh"
            (G·H,).
        activation: φ of a plain RNN; tanh if None.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if they do not make a layer.
    """
    W_F, W_R, cell = weights["weight_ih"], weights["weight_hh"], kind.cell
    none = np.zeros(len(W_R), W_R.dtype)
    b_F, b_R = weights.get("bias_ih", none), weights.get("bias_hh", none)
    apart = [cell.block(gate, W_R.shape[1]) for gate in cell.recurrent_biases]
    b = b_F + b_R
    for block in apart:
        b[block] = b_F[block]
    arrays = (W_F, W_R, b, *(b_R[block].copy() for block in apart))
    if cell.choose_phi:
        return kind(*arrays, activation=activation or "tanh")
    return kind(*arrays)


def weights_of(layer: Layer) -> dict[str, Array]:
    """A layer's weights by PyTorch's names, both biases among them."""
    cell, parameters = layer.cell, layer.parameters()
    b_R = np.zeros_like(layer.b)
    for gate, name in zip(cell.recurrent_biases, cell.bias_names, strict=True):
        b_R[cell.block(gate, layer.hidden)] = parameters[name]
    return {"weight_ih": layer.W_F, "weight_hh": layer.W_R, "bias_ih": layer.b, "bias_hh": b_R}
