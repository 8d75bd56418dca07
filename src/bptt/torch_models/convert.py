"""Layers to and from PyTorch: the same numbers in the other's names.

    W_F  weight_ih_l{k}      W_R  weight_hh_l{k}      b  bias_ih_l{k} + bias_hh_l{k}

A GRU's candidate keeps its recurrent bias apart: b_Rn is the last third of bias_hh. An LSTM with a projection,
h_t = W_hr (o ⊙ tanh c_t), is the LSTM of s_t = o ⊙ tanh c_t with recurrent weights W_hh W_hr.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from bptt.arrays import Array
from bptt.errors import DTypeError, OptionError
from bptt.layers import GRU, LSTM, RNN, Bidirectional, Layer, Stack

Module = nn.RNN | nn.LSTM | nn.GRU
Cell = nn.RNNCell | nn.LSTMCell | nn.GRUCell


def from_torch(module: Any) -> Layer | Bidirectional | Stack:
    """The same layer as PyTorch's.

    Args:
        module: nn.RNN, nn.LSTM, nn.GRU or one of the cells.

    Returns:
        a layer, a ``Bidirectional`` pair, or a ``Stack`` where there are several levels. The weights
        are copies, in float32 where PyTorch's are of half precision. Dropout is no part of it.

    Raises:
        OptionError: if it is no such module, or an LSTM with a projection, which has no equal here.

    >>> import torch, bptt
    >>> bptt.from_torch(torch.nn.GRU(3, 8))
    GRU(inputs=3, hidden=8, dtype=float32)
    """
    if not isinstance(module, Module | Cell):
        raise OptionError(
            "module", "nn.RNN, nn.LSTM, nn.GRU or one of their cells", type(module).__name__,
            "Give the recurrent part of the model, model.rnn for example.",
        )  # fmt: skip
    if getattr(module, "proj_size", 0):
        raise OptionError(
            "module", "an LSTM without projection", f"proj_size={module.proj_size}",
            "bptt.diagnose takes it; a layer of its own it has not.",
        )  # fmt: skip
    stack = stack_of(module)
    if len(stack.levels) > 1:
        return stack
    level: Layer | Bidirectional = stack.levels[0]
    return level


def to_torch(layer: Layer | Bidirectional | Stack) -> Module:
    """PyTorch's module with the same weights; its second bias is zero but for a GRU's candidate.

    Raises:
        OptionError: if the levels are not of one kind and size, or the activation is neither tanh nor
            relu: PyTorch has no such module.

    >>> import bptt
    >>> bptt.to_torch(bptt.LSTM.init(3, 8, rng=0))
    LSTM(3, 8)
    """
    stack = layer if isinstance(layer, Stack) else Stack([layer])
    layers, two = stack.layers, isinstance(stack.levels[0], Bidirectional)
    first = layers[0]
    alike = all(
        type(a) is type(first) and a.hidden == first.hidden and isinstance(b, Bidirectional) == two
        for b in stack.levels
        for a in (b.layers if isinstance(b, Bidirectional) else (b,))
    )
    if not alike:
        raise OptionError(
            "layer", "levels of one kind and size", repr(layer), "Convert them one by one."
        )
    options: dict[str, Any] = {}
    if isinstance(first, RNN):
        names = {a.phi.name for a in layers if isinstance(a, RNN)}
        if names not in ({"tanh"}, {"relu"}):
            raise OptionError(
                "layer", "tanh or relu", ", ".join(sorted(names)), "nn.RNN has no other."
            )
        options["nonlinearity"] = names.pop()
    kind: Any = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[first.kind]
    module: Module = kind(
        first.inputs, first.hidden, len(stack.levels), bidirectional=two,
        dtype=torch.from_numpy(np.empty(0, first.dtype)).dtype, **options,
    )  # fmt: skip
    with torch.no_grad():
        for a, suffix in zip(layers, suffixes(module), strict=True):
            weights = {"weight_ih": a.W_F, "weight_hh": a.W_R, "bias_ih": a.b}
            bias = np.zeros_like(a.b)
            if isinstance(a, GRU):
                bias[2 * a.hidden :] = a.b_Rn
            for name, value in (weights | {"bias_hh": bias}).items():
                getattr(module, name + suffix).copy_(torch.from_numpy(value))
    return module


def stack_of(module: Any) -> Stack:
    """The module's levels; projections folded into the recurrent weights and those of the level above."""
    names, two = suffixes(module), getattr(module, "bidirectional", False)
    levels: list[Layer | Bidirectional] = []
    below: list[Array] = []  # W_hr of the level below, one per direction
    for number in range(0, len(names), 1 + two):
        here = names[number : number + 1 + two]
        layers = [_layer(module, suffix, _joined(below)) for suffix in here]
        levels.append(Bidirectional(*layers) if two else layers[0])
        below = projections(module, here)
    return Stack(levels)


def suffixes(module: Any) -> list[str]:
    """How the parameters of each layer end: "_l0", "_l0_reverse", "_l1", ...; nothing for a cell."""
    if isinstance(module, Cell):
        return [""]
    ends = ["", "_reverse"] if module.bidirectional else [""]
    return [f"_l{number}{end}" for number in range(module.num_layers) for end in ends]


def projections(module: Any, names: list[str]) -> list[Array]:
    """W_hr of some layers; none where there is no projection."""
    if not getattr(module, "proj_size", 0):
        return []
    return [to_numpy(getattr(module, "weight_hr" + name)) for name in names]


def to_numpy(tensor: Any) -> Array:
    """A copy on the CPU, in float32 where it is of half precision.

    Raises:
        DTypeError: if it does not hold floating-point numbers.
    """
    tensor = tensor.detach().cpu()
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    if tensor.dtype not in (torch.float32, torch.float64):
        raise DTypeError(
            "tensor", "floating-point numbers", str(tensor.dtype), "Convert it: .float()."
        )
    return np.array(tensor.numpy())


def _joined(below: list[Array]) -> Array | None:
    """What makes a level's inputs of the states below: one W_hr, or both beside each other."""
    if not below:
        return None
    rows, columns = (sum(W.shape[axis] for W in below) for axis in (0, 1))
    joined = np.zeros((rows, columns), below[0].dtype)
    row = column = 0
    for W in below:
        joined[row : row + len(W), column : column + W.shape[1]] = W
        row, column = row + len(W), column + W.shape[1]
    return joined


def _layer(module: Any, suffix: str, inputs: Array | None) -> Layer:
    W_F, W_R = (to_numpy(getattr(module, name + suffix)) for name in ("weight_ih", "weight_hh"))
    if inputs is not None:
        W_F = W_F @ inputs
    for W_hr in projections(module, [suffix]):
        W_R = W_R @ W_hr
    if module.bias:
        b_F, b_R = (to_numpy(getattr(module, name + suffix)) for name in ("bias_ih", "bias_hh"))
    else:
        b_F, b_R = (np.zeros(len(W_F), W_F.dtype) for _ in range(2))
    if isinstance(module, nn.GRU | nn.GRUCell):
        H = W_R.shape[1]
        b = b_F + b_R
        b[2 * H :] = b_F[2 * H :]
        return GRU(W_F, W_R, b, b_R[2 * H :])
    if isinstance(module, nn.LSTM | nn.LSTMCell):
        return LSTM(W_F, W_R, b_F + b_R)
    return RNN(W_F, W_R, b_F + b_R, module.nonlinearity)
