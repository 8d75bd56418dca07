"""The network in a state dict."""

from pathlib import Path

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.errors import OptionError
from bptt.layers import Bidirectional, Layer, Stack
from bptt.layers.kinds import KINDS
from bptt.models.state_dict.layer_weights import layer_of
from bptt.models.state_dict.parts import BIASES, WEIGHTS, Parts, joined, parts_of
from bptt.network import LossName, Network
from bptt.network.losses import LossAt


def network_of(
    tensors: dict[str, Array],
    *,
    activation: str | None = None,
    recurrent: str | None = None,
    readout: str | None = None,
    loss: LossName,
    loss_at: LossAt,
    path: str | Path,
) -> Network:
    """The network in a state dict: the same function of its inputs as the PyTorch modules.

    Args:
        tensors: the weights by PyTorch's names; those of half precision become float32.
        activation: "tanh" or "relu", of a plain RNN, whose weights do not tell; None for other cells.
        recurrent: prefix of the recurrent module, where there are several.
        readout: prefix of the linear layer that reads the top level's states, where several fit.
        loss: "cross_entropy" or "mse".
        loss_at: "every", "last" or steps, as for ``Network``.
        path: of the file, for the errors.

    Returns:
        the network, in the widest type of its weights.

    Raises:
        FileError: if the names or shapes are not those of such a network.
        OptionError: if the weights leave a choice and it is not made, or one is made that they do not
            leave.
        NonFiniteError: if a weight is NaN or infinite.

    >>> import numpy as np
    >>> weights = {"gru.weight_ih_l0": np.ones((12, 3)), "gru.weight_hh_l0": np.ones((12, 4))}
    >>> weights |= {"fc.weight": np.ones((2, 4)), "fc.bias": np.zeros(2)}
    >>> network_of(weights, loss="cross_entropy", loss_at="last", path="weights.pt").body
    GRU(inputs=3, hidden=4, dtype=float64)
    """
    parts = parts_of(tensors, recurrent=recurrent, readout=readout, path=path)
    if parts.cell != "rnn" and activation is not None:
        raise OptionError(
            "activation", f"none for the {parts.cell} in {path}", repr(activation),
            "Leave it out: only a plain RNN has the choice.",
        )  # fmt: skip
    if parts.cell == "rnn" and activation not in ("tanh", "relu"):
        raise OptionError(
            "activation", f"tanh or relu, for the weights of the plain RNN in {path} do not tell",
            "none" if activation is None else repr(activation),
            "Pass activation='tanh', PyTorch's usual one, or activation='relu'.",
        )  # fmt: skip
    rest = set(parts.rest)
    names = [name for name in tensors if name not in rest]
    dtype = np.result_type(np.float32, *(tensors[name].dtype for name in names))
    ready = {
        name: as_floats(f"{path}: {name}", tensors[name].astype(dtype), tensors[name].shape)
        for name in names
    }
    levels: list[Layer | Bidirectional] = []
    for ends in parts.levels:
        layers = [_layer(ready, parts, end, activation or "tanh") for end in ends]
        levels.append(Bidirectional(*layers) if len(layers) == 2 else layers[0])
    W_O = ready[joined(parts.readout, "weight")]
    b_O = ready.get(joined(parts.readout, "bias"), np.zeros(len(W_O), dtype))
    return Network(levels[0] if len(levels) == 1 else Stack(levels), W_O, b_O, loss, loss_at)


def _layer(tensors: dict[str, Array], parts: Parts, end: str, activation: str) -> Layer:
    """One direction of one level."""
    full = {name: joined(parts.recurrent, name + end) for name in (*WEIGHTS, *BIASES)}
    weights = {name: tensors[each] for name, each in full.items() if each in tensors}
    return layer_of(KINDS[parts.cell], weights, activation)
