"""A level from a recurrent layer of Keras: its arrays in this library's order, what it does otherwise refused."""

from collections.abc import Sequence

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.errors import FileError, OptionError
from bptt.files.keras_files import SAVE, KerasFile
from bptt.layers import Bidirectional, Layer
from bptt.layers.kinds import KINDS
from bptt.layers.levels import Level
from bptt.models.found import ITSELF
from bptt.models.keras.layer import KerasLayer, arrays_of
from bptt.models.state_dict.layer_weights import layer_of

CELLS = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
FORWARD = (
    "It is the same network on sequences that are turned around: set layer.go_backwards = False, save the model again, "
    "and turn the sequences of your data around."
)
GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
PLAIN = (
    "tanh",
    "relu",
    "sigmoid",
    "linear",
    "softsign",
    "hard_tanh",
)  # the same function in both libraries


def level_of(file: KerasFile, layer: KerasLayer, activation: str | None) -> Level:
    """The level that a layer is.

    Args:
        file: that holds it.
        layer: LSTM, GRU, SimpleRNN or Bidirectional.
        activation: of a plain RNN, where only weights were saved.

    Raises:
        FileError: if it does what no layer here does, or its arrays do not fit.
        OptionError: if the weights leave a choice and it is not made, or one is made that they do not leave.
    """
    arrays = arrays_of(file, layer)
    if layer.kind != "Bidirectional":
        return _layer(file, layer, arrays, activation)
    merge = layer.config.get("merge_mode", "concat")
    if merge != "concat":
        raise _otherwise(file, layer, "merge_mode", "concat", merge)
    forward, half = layer.inner, len(arrays) // 2
    backward = layer.config.get("backward_layer")
    own = KerasLayer.of(backward) if backward else forward
    pair = [
        _layer(file, KerasLayer(layer.name, each.kind, each.config), part, activation, turned)
        for each, part, turned in ((forward, arrays[:half], False), (own, arrays[half:], True))
    ]
    return Bidirectional(*pair)


def all_steps(layer: KerasLayer) -> bool | None:
    """Whether it hands up every step's states, or the last; None where only weights were saved."""
    config = layer.inner.config if layer.kind == "Bidirectional" else layer.config
    return config.get("return_sequences")


def dropped(layer: KerasLayer) -> list[str]:
    """The dropout rates of a recurrent layer, which act in training alone."""
    config = layer.inner.config if layer.kind == "Bidirectional" else layer.config
    rates = ((name, config.get(name)) for name in ("dropout", "recurrent_dropout"))
    return [f"{name} {rate:g} of {layer.name}" for name, rate in rates if rate]


def dense_of(file: KerasFile, layer: KerasLayer) -> tuple[Array, Array, str]:
    """W_O, b_O and the activation of a Dense layer, alone or in TimeDistributed.

    Raises:
        FileError: if its arrays do not fit.
    """
    arrays = arrays_of(file, layer)
    inner = layer.inner if layer.kind == "TimeDistributed" else layer
    if arrays[0].ndim != 2 or len(arrays) > 2:
        raise FileError(
            file.path, f"a kernel (H, O) and a bias (O,) in {layer.name!r}",
            ", ".join(str(a.shape) for a in arrays), SAVE,
        )  # fmt: skip
    W = arrays[0].T
    b = arrays[1] if len(arrays) == 2 else np.zeros(len(W), W.dtype)
    return W, b, inner.config.get("activation") or "linear"


def _layer(
    file: KerasFile,
    layer: KerasLayer,
    arrays: Sequence[Array],
    activation: str | None,
    turned: bool = False,
) -> Layer:
    """One direction."""
    if layer.kind not in CELLS:
        raise FileError(
            file.path, f"an LSTM, a GRU or a SimpleRNN in {layer.name!r}", layer.kind, ITSELF
        )
    config, known = layer.config, file.config is not None
    if bool(config.get("go_backwards", turned)) != turned:
        raise _otherwise(file, layer, "go_backwards", turned, not turned, "" if turned else FORWARD)
    if config.get("return_state"):
        raise _otherwise(file, layer, "return_state", False, True)
    if known and layer.kind != "SimpleRNN":
        for option, usual in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
            if config.get(option, usual) != usual:
                raise _otherwise(file, layer, option, usual, config[option])
    W_F, W_R = arrays[0], (*arrays, np.empty(0))[1]
    H = len(W_R)
    wide = GATES[layer.kind] * H
    bias = arrays[2] if len(arrays) > 2 else np.zeros(wide, W_F.dtype)
    after = config.get("reset_after", bias.ndim == 2 if len(arrays) > 2 else None)
    if layer.kind == "GRU" and after is None:
        raise FileError(
            file.path, f"the GRU {layer.name!r} with reset_after, True or False",
            "weights alone, without a bias, which do not tell", SAVE,
        )  # fmt: skip
    both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    fits = (
        W_F.ndim == 2
        and W_F.shape[1] == wide
        and W_R.shape == (H, wide)
        and both.shape == (2, wide)
    )
    if not fits or H == 0:
        raise FileError(
            file.path, f"kernel (I, {wide}), recurrent_kernel ({H}, {wide}) and a bias in {layer.name!r}",
            ", ".join(str(a.shape) for a in arrays), SAVE,
        )  # fmt: skip
    weights = {"weight_ih": W_F.T, "weight_hh": W_R.T, "bias_ih": both[0], "bias_hh": both[1]}
    if layer.kind == "GRU":
        weights = {name: _zrn_to_rzn(value) for name, value in weights.items()}
    ready = {
        name: as_floats(
            f"{file.path}: {name} of {layer.name}", np.ascontiguousarray(value), value.shape
        )
        for name, value in weights.items()
    }
    before = layer.kind == "GRU" and not after
    cell = "cho_gru" if before else CELLS[layer.kind]
    return layer_of(KINDS[cell], ready, _plain(file, layer, activation))


def _plain(file: KerasFile, layer: KerasLayer, activation: str | None) -> str | None:
    """φ of a SimpleRNN; None of other cells.

    Raises:
        FileError: if no layer here has it.
        OptionError: if it must be chosen and is not, or there is nothing to choose.
    """
    told = layer.kind != "SimpleRNN" or file.config is not None
    if told and activation is not None:
        raise OptionError(
            "activation", f"none for {layer.name!r} in {file.path}", repr(activation),
            "Leave it out: the file says it, or the cell has no choice.",
        )  # fmt: skip
    if layer.kind != "SimpleRNN":
        return None
    own = activation if not told else layer.config.get("activation", "tanh") or "linear"
    if own is None:
        raise OptionError(
            "activation", f"that of the SimpleRNN {layer.name!r}, for weights alone do not tell it", "none",
            "Pass activation='tanh', Keras' usual one, or activation='relu'.",
        )  # fmt: skip
    if own not in PLAIN:
        raise _otherwise(file, layer, "activation", "one of " + ", ".join(PLAIN), own)
    return str(own)


def _zrn_to_rzn(value: Array) -> Array:
    z, r, n = np.split(value, 3)
    return np.concatenate([r, z, n])


def _otherwise(
    file: KerasFile, layer: KerasLayer, option: str, wanted: object, got: object, cure: str = ""
) -> FileError:
    expected = f"{option} {wanted} in the layer {layer.name!r}"
    return FileError(file.path, expected, f"{got}", cure or ITSELF)
