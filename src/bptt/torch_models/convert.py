"""Layers to and from PyTorch: the same numbers in the other's names.

    W_F  weight_ih_l{k}      W_R  weight_hh_l{k}      b  bias_ih_l{k} + bias_hh_l{k}

An LSTM with a projection, h_t = W_hr (o ⊙ tanh c_t), is the LSTM of s_t = o ⊙ tanh c_t with recurrent weights
W_hh W_hr.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
    stack = stack_of(acting_layers(module))
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


@dataclass(frozen=True, eq=False)
class ActingLayers:
    """The layers of a recurrent call with the weights that act, as PyTorch's functions take them.

    Attributes:
        mode: "rnn_tanh", "rnn_relu", "lstm" or "gru".
        weights: of each level and direction in turn: W_ih, W_hh, then the two biases and W_hr where there are any.
        biases: whether there are biases.
        layers: levels.
        two: whether each level has a second direction.
    """

    mode: str
    weights: tuple[Tensor, ...]
    biases: bool
    layers: int = 1
    two: bool = False

    @property
    def per_layer(self) -> list[tuple[Tensor, ...]]:
        """The weights of each level and direction."""
        count = len(self.weights) // (self.layers * (1 + self.two))
        return [self.weights[i : i + count] for i in range(0, len(self.weights), count)]

    @property
    def projections(self) -> list[Tensor]:
        """W_hr of each level and direction; none where there is no projection."""
        own = 2 + 2 * self.biases
        return [weights[own] for weights in self.per_layer if len(weights) > own]

    @property
    def hidden(self) -> int:
        """H, the size of the state that W_R acts on before any projection."""
        gates = {"lstm": 4, "gru": 3}.get(self.mode, 1)
        return self.weights[0].shape[0] // gates


def acting_layers(module: Any) -> ActingLayers:
    """A module's, with its parameters as they are now."""
    names = ["weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if module.bias else ())]
    if getattr(module, "proj_size", 0):
        names.append("weight_hr")
    weights = tuple(getattr(module, name + suffix) for suffix in suffixes(module) for name in names)
    kind = next(kind for kind, *modules in PAIRS if isinstance(module, tuple(modules)))
    mode = f"rnn_{module.nonlinearity}" if kind is RNN else kind.cell.name
    layers, two = getattr(module, "num_layers", 1), getattr(module, "bidirectional", False)
    return ActingLayers(mode, weights, bool(module.bias), layers, two)


def stack_of(acting: ActingLayers) -> Stack:
    """Its levels; projections folded into the recurrent weights and those of the level above."""
    levels: list[Layer | Bidirectional] = []
    per_layer, step = acting.per_layer, 1 + acting.two
    projections = [to_numpy(W) for W in acting.projections]
    for number in range(0, len(per_layer), step):
        own = slice(number, number + step)
        below = projections[number - step : number] if number else []
        W_hr: list[Array | None] = [*projections[own]] or [None] * step
        layers = [
            _layer(acting, weights, W, joined_projections(below) if below else None)
            for weights, W in zip(per_layer[own], W_hr, strict=True)
        ]
        levels.append(Bidirectional(*layers) if acting.two else layers[0])
    return Stack(levels)


def suffixes(module: Any) -> list[str]:
    """How the parameters of each layer end: "_l0", "_l0_reverse", "_l1", ...; nothing for a cell."""
    if isinstance(module, CellModule):
        return [""]
    return _suffixes(module.num_layers, module.bidirectional)


def suffixes_of(acting: ActingLayers, is_cell: bool) -> list[str]:
    """The same of what a function was given."""
    return [""] if is_cell else _suffixes(acting.layers, acting.two)


def _suffixes(layers: int, two: bool) -> list[str]:
    ends = ["", "_reverse"] if two else [""]
    return [f"_l{number}{end}" for number in range(layers) for end in ends]


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


def joined_projections(below: Sequence[Array]) -> Array:
    """What makes a level's inputs of the states below: one W_hr, or both on a diagonal.

    Args:
        below: (P, H) of each direction.
    """
    rows, columns = (sum(W.shape[axis] for W in below) for axis in (0, 1))
    joined = np.zeros((rows, columns), below[0].dtype)
    row = column = 0
    for W in below:
        joined[row : row + len(W), column : column + W.shape[1]] = W
        row, column = row + len(W), column + W.shape[1]
    return joined


def _layer(
    acting: ActingLayers,
    weights: tuple[Tensor, ...],
    projection: Array | None,
    inputs: Array | None,
) -> Layer:
    """One level and direction.

    Args:
        acting: of which it is a part.
        weights: its own.
        projection: its W_hr, or None.
        inputs: what makes its inputs of the states of the level below, or None for the inputs themselves.
    """
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if acting.biases else ()))
    arrays = {name: to_numpy(W) for name, W in zip(names, weights, strict=False)}
    if inputs is not None:
        arrays["weight_ih"] = arrays["weight_ih"] @ inputs
    if projection is not None:
        arrays["weight_hh"] = arrays["weight_hh"] @ projection
    mode, _, nonlinearity = acting.mode.partition("_")
    kind = next(kind for kind, *_ in PAIRS if kind.cell.name == mode)
    return layer_of(kind, arrays, nonlinearity or None)
