"""``torch.gru`` and its like by the compiled loops: for whoever sees a layer's call of them and makes it himself."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence

from bptt.nn import taken
from bptt.nn.function import run

MODES = {
    torch.lstm: "LSTM", torch.gru: "GRU", torch.rnn_tanh: "RNN_TANH", torch.rnn_relu: "RNN_RELU",
}  # fmt: skip


def accelerated(function: Any) -> Callable[..., Any]:
    """The function with the same arguments and results; what the loops do not take it computes itself.

    Args:
        function: ``torch.lstm``, ``torch.gru``, ``torch.rnn_tanh`` or ``torch.rnn_relu``.

    >>> import torch
    >>> from bptt.nn.functional import accelerated
    >>> layer, x, h = torch.nn.GRU(3, 4), torch.ones(5, 2, 3), torch.zeros(1, 2, 4)
    >>> args = x, h, list(layer.parameters()), True, 1, 0.0, False, False, False
    >>> torch.testing.assert_close(accelerated(torch.gru)(*args), layer(x))
    """
    mode = MODES[function]

    def call(*args: Any) -> Any:
        if isinstance(args[3], tuple | list):
            data, batch_sizes, hx, weights, biases, layers, dropout, train, two = args
            x, batch_first = PackedSequence(data, batch_sizes), False
        else:
            x, hx, weights, biases, layers, dropout, train, two, batch_first = args
        inputs, hidden = (W.shape[-1] for W in weights[:2])
        layer = SimpleNamespace(
            mode=mode, input_size=inputs, hidden_size=hidden, num_layers=layers, bidirectional=two, bias=biases,
            batch_first=batch_first, proj_size=0,
        )  # fmt: skip
        found = taken.nobody_watches() and taken.sequence(layer, x, hx, tuple(weights))
        return run(*found, dropout if train else 0.0) if found else function(*args)

    return call
