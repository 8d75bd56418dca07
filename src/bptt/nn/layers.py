"""nn.RNN, nn.GRU, nn.LSTM and their cells with another forward pass; all else is PyTorch's.

What the loops do not take goes to PyTorch's own forward, with its checks and its errors.
"""

from typing import Any

from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.nn.utils.rnn import PackedSequence

from bptt.nn import taken, traced, transforms
from bptt.nn.admitted import admit
from bptt.nn.function import run
from bptt.nn.pytorchs import say_why


class Layer:
    """What the layers have in common; it comes before PyTorch's class among the bases."""

    def forward(self: Any, input: Any, hx: Any = None) -> Any:
        """The outputs and the final states, as PyTorch's layer gives them.

        Args:
            input: (T, B, I), (B, T, I) with ``batch_first``, (T, I), or packed.
            hx: h (layers · directions, B, H), of an LSTM (h, c); zeros if None.
        """
        if is_compiling():
            return traced.sequence(self, input, hx, super().forward)  # type: ignore[misc]
        call = taken.sequence(self, input, hx) if taken.nobody_watches() else None
        if not call:
            result = super().forward(input, hx)  # type: ignore[misc]
            if call is None:
                say_why(self, input, self._flat_weights)
            return result
        out, *finals = run(*call, self.dropout if self.training else 0.0)
        outputs: Any = out
        if isinstance(input, PackedSequence):
            outputs = PackedSequence(out, *input[1:])
            if input.unsorted_indices is not None:
                finals = [state.index_select(1, input.unsorted_indices) for state in finals]
        return outputs, finals[0] if len(finals) == 1 else tuple(finals)

    def __prepare_scriptable__(self) -> Any:
        """PyTorch's own layer with the same state: the loops are nothing that TorchScript can read."""
        return as_pytorchs(self)


class Cell:
    """What the cells have in common; it comes before PyTorch's class among the bases.

    A step alone is no faster by the loops: it is PyTorch's own, but where it is mapped or differentiated by ``torch.func``.
    """

    def forward(self: Any, input: Any, hx: Any = None) -> Any:
        """The new state, as PyTorch's cell gives it.

        Args:
            input: (B, I) or (I,).
            hx: h (B, H), of an LSTM (h, c); zeros if None.
        """
        if is_compiling() or not transforms.are_active():
            return super().forward(input, hx)  # type: ignore[misc]
        call = taken.nobody_watches() and taken.cell(
            mode_of(self), input, hx, weights_of_cell(self)
        )
        if not call:
            return super().forward(input, hx)  # type: ignore[misc]
        state = run(*call, 0.0)
        return state[0] if len(state) == 1 else state

    def __prepare_scriptable__(self) -> Any:
        """PyTorch's own cell with the same state: the loops are nothing that TorchScript can read."""
        return as_pytorchs(self)


class RNN(Layer, nn.RNN):
    """``torch.nn.RNN``, computed by the compiled loops: same arguments, same weights, same numbers.

    >>> import torch, bptt
    >>> layer = bptt.nn.RNN(3, 8, nonlinearity="relu")
    >>> out, h = layer(torch.ones(5, 2, 3))
    >>> tuple(out.shape), tuple(h.shape)
    ((5, 2, 8), (1, 2, 8))
    """


class GRU(Layer, nn.GRU):
    """``torch.nn.GRU``, computed by the compiled loops: same arguments, same weights, same numbers.

    >>> import torch, bptt
    >>> layer = bptt.nn.GRU(3, 8, num_layers=2, bidirectional=True)
    >>> same = torch.nn.GRU(3, 8, num_layers=2, bidirectional=True)
    >>> same.load_state_dict(layer.state_dict())
    <All keys matched successfully>
    >>> x = torch.ones(5, 2, 3)
    >>> torch.testing.assert_close(layer(x), same(x))
    """


class LSTM(Layer, nn.LSTM):
    """``torch.nn.LSTM``, computed by the compiled loops; with a projection it is computed by PyTorch.

    >>> import torch, bptt
    >>> layer = bptt.nn.LSTM(3, 8, batch_first=True)
    >>> out, (h, c) = layer(torch.ones(2, 5, 3))
    >>> tuple(out.shape), tuple(c.shape)
    ((2, 5, 8), (1, 2, 8))
    """


class RNNCell(Cell, nn.RNNCell):
    """``torch.nn.RNNCell``, with gradients per sample by ``torch.func``: same arguments, same weights, same numbers.

    >>> import torch, bptt
    >>> tuple(bptt.nn.RNNCell(3, 8)(torch.ones(2, 3)).shape)
    (2, 8)
    """


class GRUCell(Cell, nn.GRUCell):
    """``torch.nn.GRUCell``, with gradients per sample by ``torch.func``: same arguments, same weights, same numbers.

    >>> import torch, bptt
    >>> tuple(bptt.nn.GRUCell(3, 8)(torch.ones(2, 3)).shape)
    (2, 8)
    """


class LSTMCell(Cell, nn.LSTMCell):
    """``torch.nn.LSTMCell``, with gradients per sample by ``torch.func``: same arguments, same weights, same numbers.

    >>> import torch, bptt
    >>> h, c = bptt.nn.LSTMCell(3, 8)(torch.ones(2, 3))
    >>> tuple(h.shape), tuple(c.shape)
    ((2, 8), (2, 8))
    """


PAIRS: dict[type[nn.Module], type[nn.Module]] = {
    nn.RNN: RNN, nn.GRU: GRU, nn.LSTM: LSTM,
    nn.RNNCell: RNNCell, nn.GRUCell: GRUCell, nn.LSTMCell: LSTMCell,
}  # fmt: skip
for _ours in PAIRS.values():
    _ours.__module__ = "bptt.nn"  # where whoever unpickles it finds it
admit(RNN, GRU, LSTM)  # cells are let in as they are


def as_pytorchs(module: Any) -> nn.Module:
    """The same layer, of PyTorch's class; it shares everything with the first.

    Args:
        module: of one of the classes here.
    """
    own = next(theirs for theirs, ours in PAIRS.items() if type(module) is ours)
    same = own.__new__(own)
    object.__setattr__(same, "__dict__", module.__dict__)
    return same


def weights_of_cell(cell: Any) -> tuple[Tensor, ...]:
    """A cell's."""
    if cell.bias:
        return cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    return cell.weight_ih, cell.weight_hh


def mode_of(cell: Any) -> str:
    """As a layer of the cell's kind has it; a nonlinearity that does not exist is none."""
    if isinstance(cell, nn.RNNCell):
        return {"tanh": "RNN_TANH", "relu": "RNN_RELU"}.get(cell.nonlinearity, "")
    return "LSTM" if isinstance(cell, nn.LSTMCell) else "GRU"
