"""Layers to and from PyTorch: the same numbers in the other's names.

    W_F  weight_ih_l{k}      W_R  weight_hh_l{k}      b  bias_ih_l{k} + bias_hh_l{k}

An LSTM with a projection, h_t = W_hr (o ⊙ tanh c_t), is the LSTM of s_t = o ⊙ tanh c_t with recurrent weights
W_hh W_hr.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from bptt.arrays import Array
from bptt.errors import DTypeError, OptionError
from bptt.layers import GRU, LSTM, RNN, Bidirectional, Layer, Stack
from bptt.models.state_dict.layer_weights import layer_of, weights_of

Module = nn.RNN | nn.LSTM | nn.GRU
CellModule = nn.RNNCell | nn.LSTMCell | nn.GRUCell
PAIRS: tuple[tuple[type[Layer], Any, Any], ...] = (
    (RNN, nn.RNN, nn.RNNCell), (LSTM, nn.LSTM, nn.LSTMCell), (GRU, nn.GRU, nn.GRUCell),
)  # fmt: skip


def from_torch(module: Any) -> Layer | Bidirectional | Stack:
    """The same layer as PyTorch's.

    Args:
        module: nn.RNN, nn.LSTM, nn.GRU or one of the cells.

    Returns:
        a layer, a ``Bidirectional`` pair, or a ``Stack`` where there are several levels. The weights
        are copies, in float32 where PyTorch's are of half precision. Dropout is no part of it.

    Raises:
        OptionError: if it is another module, or an LSTM with a projection, of which no layer here is the
            equal.

    >>> import torch, bptt
    >>> bptt.from_torch(torch.nn.GRU(3, 8))
    GRU(inputs=3, hidden=8, dtype=float32)
    """
    if not isinstance(module, Module | CellModule):
        raise OptionError(
            "module", "nn.RNN, nn.LSTM, nn.GRU or one of their cells", type(module).__name__,
            "Pass the recurrent part of the model, model.rnn for example.",
        )  # fmt: skip
    if getattr(module, "proj_size", 0):
        raise OptionError(
            "module", "an LSTM without projection", f"proj_size={module.proj_size}",
            "Pass the model itself to bptt.diagnose: no layer here has a projection.",
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
    makers = [maker for kind, maker, _ in PAIRS if type(first) is kind]
    if not makers:
        raise OptionError(
            "layer", "an RNN, LSTM or GRU", repr(first), "PyTorch has no module for another cell."
        )
    options: dict[str, Any] = {}
    if first.cell.choose_phi:
        options["nonlinearity"] = nonlinearity("layer", layers)
    module: Module = makers[0](
        first.inputs, first.hidden, len(stack.levels), bidirectional=two,
        dtype=torch.from_numpy(np.empty(0, first.dtype)).dtype, **options,
    )  # fmt: skip
    with torch.no_grad():
        for own, suffix in zip(layers, suffixes(module), strict=True):
            write_weights(module, suffix, own)
    return module


def nonlinearity(name: str, layers: Sequence[Layer]) -> str:
    """PyTorch's name of the activation that plain layers share.

    Raises:
        OptionError: if they do not share one, or it is neither tanh nor relu.
    """
    used = {layer.phi.name for layer in layers}
    if used not in ({"tanh"}, {"relu"}):
        raise OptionError(
            name, "tanh or relu, one for all levels", ", ".join(sorted(used)),
            "Use one of these: nn.RNN has no other activation.",
        )  # fmt: skip
    return used.pop()


def write_weights(module: Any, suffix: str, layer: Layer) -> None:
    """Write a layer into the parameters of a module, in place, where gradients are off.

    Args:
        module: PyTorch's.
        suffix: how the names of the layer's parameters end.
        layer: what they become.
    """
    for name, value in weights_of(layer).items():
        if module.bias or not name.startswith("bias"):
            parameter = getattr(module, name + suffix)
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def stack_of(module: Any) -> Stack:
    """The module's levels; projections folded into the recurrent weights and those of the level above."""
    names, two = suffixes(module), getattr(module, "bidirectional", False)
    levels: list[Layer | Bidirectional] = []
    below: list[Array] = []  # W_hr of the level below, one per direction
    for number in range(0, len(names), 1 + two):
        ends = names[number : number + 1 + two]
        layers = [_layer(module, suffix, _joined(below)) for suffix in ends]
        levels.append(Bidirectional(*layers) if two else layers[0])
        below = projections(module, ends)
    return Stack(levels)


def suffixes(module: Any) -> list[str]:
    """How the parameters of each layer end: "_l0", "_l0_reverse", "_l1", ...; nothing for a cell."""
    if isinstance(module, CellModule):
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
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if module.bias else ()))
    weights = {name: to_numpy(getattr(module, name + suffix)) for name in names}
    if inputs is not None:
        weights["weight_ih"] = weights["weight_ih"] @ inputs
    for W_hr in projections(module, [suffix]):
        weights["weight_hh"] = weights["weight_hh"] @ W_hr
    kind = next(kind for kind, *modules in PAIRS if isinstance(module, tuple(modules)))
    return layer_of(kind, weights, getattr(module, "nonlinearity", None))
