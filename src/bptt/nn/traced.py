"""A call while ``torch.compile`` or ``torch.export`` traces it: one operator, and what is around it in PyTorch's own words."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from bptt.nn.function import masks
from bptt.nn.operator import recurrent

Own = Callable[[Any, Any], Any]


def sequence(layer: Any, x: Any, hx: Any, own: Own) -> Any:
    """The outputs and the final states.

    Args:
        layer: nn.RNN, nn.GRU or nn.LSTM.
        x: its inputs.
        hx: its initial states, or None.
        own: PyTorch's forward, for what the loops do not take.
    """
    if isinstance(x, PackedSequence) or layer.proj_size or not _can_be_taken(x):
        return own(x, hx)
    unbatched, batch_first = x.dim() == 2, layer.batch_first and x.dim() == 3
    two, width = layer.bidirectional, layer.hidden_size * (1 + layer.bidirectional)
    T, B = (x.shape[0], 1) if unbatched else x.shape[1::-1] if batch_first else x.shape[:2]
    count = layer.num_layers * (1 + two)
    shape = (count, layer.hidden_size) if unbatched else (count, B, layer.hidden_size)
    is_lstm = layer.mode == "LSTM"
    states = _states(x, hx, shape, is_lstm)
    weights = [getattr(layer, name) for name in layer._flat_weights_names]
    if states is None or not _same_type(x, layer.input_size, weights):
        return own(x, hx)
    drawn: list[Tensor] = []
    if layer.training and layer.dropout and layer.num_layers > 1:
        drawn = [masks(x.new_ones((T, B, width)), layer.num_layers, layer.dropout)]
    out, *finals, _ = recurrent(
        x, states, weights, drawn, layer.mode, layer.num_layers, two, layer.bias, batch_first
    )
    return out, (finals[0], finals[1]) if is_lstm else finals[0]


def _can_be_taken(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and x.dim() in (2, 3)
        and 0 not in x.shape
        and not torch.is_autocast_enabled("cpu")
    )


def _states(x: Tensor, hx: Any, shape: Any, is_lstm: bool) -> list[Tensor] | None:
    """The initial ones, zeros where none are given; None if they do not fit."""
    if hx is None:
        return [x.new_zeros(shape) for _ in range(1 + is_lstm)]
    states = [hx[0], hx[1]] if is_lstm else [hx]
    fit = all(state.dtype == x.dtype and tuple(state.shape) == tuple(shape) for state in states)
    return states if fit else None


def _same_type(x: Tensor, inputs: int, weights: list[Tensor]) -> bool:
    return x.shape[-1] == inputs and all(W.dtype == x.dtype for W in weights)
