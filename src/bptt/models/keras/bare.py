"""The layers of a file in which only weights were saved: the names and shapes of its arrays tell."""

import re

from bptt.errors import FileError
from bptt.files.keras_files import SAVE, KerasFile, snake_case
from bptt.models.keras.layer import KerasLayer, arrays_of

GATES = {1: "SimpleRNN", 3: "GRU", 4: "LSTM"}  # columns of recurrent_kernel over its rows
KINDS = (*GATES.values(), "Bidirectional", "TimeDistributed", "Dense")


def layers_of(file: KerasFile) -> list[KerasLayer]:
    """The layers, in order.

    Raises:
        FileError: if their order does not follow from their names.
    """
    if file.listed:
        kinds = ((name, _by_arrays(paths)) for name, paths in file.listed.items())
        return [_with_gates(file, KerasLayer(name, kind)) for name, kind in kinds if kind]
    groups = dict.fromkeys(path.split("/")[1] for path in file.arrays if path.startswith("layers/"))
    named = {snake_case(kind): kind for kind in KINDS}
    layers = [
        _with_gates(
            file, KerasLayer(name, named.get(_stem(name), _stem(name)), {}, f"layers/{name}")
        )
        for name in sorted(groups, key=_number)
    ]
    layers.sort(key=lambda layer: KINDS.index(layer.kind) if layer.kind in KINDS else -1)
    recurrent = [layer for layer in layers if layer.kind in KINDS[:4]]
    if len({layer.kind for layer in recurrent}) > 1:
        raise FileError(
            file.path, "recurrent layers of one class, for weights alone do not tell which comes first",
            ", ".join(layer.name for layer in recurrent), SAVE,
        )  # fmt: skip
    return layers


def _stem(name: str) -> str:
    """A group's name without its number: the class, as Keras writes it."""
    return re.sub(r"_\d+$", "", name)


def _number(name: str) -> int:
    """The place of a group among those of its class, which Keras counts in the order of the layers."""
    return int(name[len(_stem(name)) + 1 :] or 0)


def _by_arrays(paths: list[str]) -> str:
    """The kind of a layer by the ends of its arrays' names."""
    ends = [path.rpartition("/")[2].partition(":")[0] for path in paths]
    recurrent = ends.count("recurrent_kernel")
    if recurrent:
        return "Bidirectional" if recurrent == 2 else GATES[1]
    return "Dense" if "kernel" in ends else ends[0] if ends else ""


def _with_gates(file: KerasFile, layer: KerasLayer) -> KerasLayer:
    """The layer with its kind of cell, or what it wraps, in the place of a configuration."""
    if layer.kind == "TimeDistributed":
        return _wrapping(layer, "Dense")
    if layer.kind not in KINDS[:4]:
        return layer
    W_R = (*arrays_of(file, layer), None)[1]
    gates = W_R.shape[1] // len(W_R) if W_R is not None and W_R.ndim == 2 and len(W_R) else 0
    if gates not in GATES:
        got = "no such array" if W_R is None else str(W_R.shape)
        raise FileError(
            file.path, f"recurrent_kernel (H, G·H) of {layer.name}, G = 1, 3 or 4", got, SAVE
        )
    if layer.kind == "Bidirectional":
        return _wrapping(layer, GATES[gates])
    return KerasLayer(layer.name, GATES[gates], {}, layer.group)


def _wrapping(layer: KerasLayer, kind: str) -> KerasLayer:
    inner = {"layer": {"class_name": kind, "config": {"name": layer.name}}}
    return KerasLayer(layer.name, layer.kind, inner, layer.group)
