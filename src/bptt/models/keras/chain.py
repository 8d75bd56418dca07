"""Which layers of a Keras model follow one another, from the first recurrent one to the output.

A configuration names every layer and, of a functional model, what it reads.
"""

from collections.abc import Iterator
from typing import Any

from bptt.errors import FileError
from bptt.files.keras_files import SAVE, KerasFile, snake_case
from bptt.models.found import ITSELF
from bptt.models.keras.bare import layers_of
from bptt.models.keras.layer import KerasLayer

RECURRENT = ("SimpleRNN", "LSTM", "GRU", "Bidirectional")
NONE = ("InputLayer", "NotEqual")  # an input; what makes the mask of an Embedding
OTHER_RECURRENT = (
    "RNN",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "StackedRNNCells",
    "CuDNNLSTM",
    "CuDNNGRU",
)


def chain_of(file: KerasFile) -> tuple[list[KerasLayer], list[KerasLayer]]:
    """The layers before the first recurrent one, and those from it to the output, in order.

    Raises:
        FileError: if there is no recurrent layer, or the layers from the first one on are no chain.
    """
    if file.config is None:
        layers = layers_of(file)
    else:
        layers = _of_config(file, file.config)
    if bad := next((layer for layer in layers if layer.kind == "Lambda"), None):
        raise FileError(
            file.path, "layers that are no code", f"the Lambda layer {bad.name!r}, which was not opened", ITSELF,
        )  # fmt: skip
    if bad := next((layer for layer in layers if layer.kind in OTHER_RECURRENT), None):
        raise FileError(
            file.path, "layers LSTM, GRU or SimpleRNN, alone or in Bidirectional",
            f"the layer {bad.name!r} of class {bad.kind}", ITSELF,
        )  # fmt: skip
    first = next((i for i, layer in enumerate(layers) if layer.kind in RECURRENT), None)
    if first is None:
        raise FileError(
            file.path, "a layer LSTM, GRU or SimpleRNN",
            ", ".join(f"{layer.name} ({layer.kind})" for layer in layers[:8]) or "none", SAVE,
        )  # fmt: skip
    return layers[:first], layers[first:]


def _of_config(file: KerasFile, config: dict[str, Any]) -> list[KerasLayer]:
    """The layers of a configuration, inputs left out; of a functional model those that its output is made of."""
    try:
        inner, kind = config["config"], config["class_name"]
        if kind not in ("Sequential", "Functional", "Model"):
            raise FileError(
                file.path, "a model of the classes Sequential or Functional",
                f"one of the class {kind}, whose code is not in the file", ITSELF,
            )  # fmt: skip
        given = inner["layers"] if isinstance(inner, dict) else inner
        layers = _placed(given)
        if kind != "Sequential":
            layers = _backward_from_output(file, inner, layers)
        for layer in layers:
            if layer.kind in ("Bidirectional", "TimeDistributed"):
                _ = layer.inner
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise FileError(
            file.path, "a configuration of Keras", f"one without {error}", SAVE
        ) from error
    return [layer for layer in layers if layer.kind not in NONE]


def _placed(configs: list[dict[str, Any]]) -> list[KerasLayer]:
    """The layers, each with the group of its arrays: its class, counted in the order of the layers."""
    layers, seen = [], dict[str, int]()
    for config in configs:
        stem = snake_case(config["class_name"])
        number = seen[stem] = seen.get(stem, -1) + 1
        layers.append(
            KerasLayer.of(config, f"layers/{stem}_{number}" if number else f"layers/{stem}")
        )
    return layers


def _backward_from_output(
    file: KerasFile, inner: dict[str, Any], layers: list[KerasLayer]
) -> list[KerasLayer]:
    """The layers of a functional model in the order in which they run, from the last that reads several.

    Raises:
        FileError: if the model has several outputs, or a recurrent layer is not on the way.
    """
    sources = {
        layer.name: [name for node in each["inbound_nodes"] for name in _read_by(node)]
        for layer, each in zip(layers, inner["layers"], strict=True)
    }
    by_name = {layer.name: layer for layer in layers}
    outputs = inner["output_layers"]
    names = [outputs[0]] if isinstance(outputs[0], str) else [output[0] for output in outputs]
    if len(names) != 1:
        raise FileError(
            file.path, "a model with one output", f"{len(names)}: {', '.join(names)}", ITSELF
        )
    chain = [by_name[names[0]]]
    while len(read := sources[chain[-1].name]) == 1 and len(chain) <= len(layers):
        chain.append(by_name[read[0]])
    chain.reverse()
    passed = [layer for layer in layers if layer.kind in RECURRENT and layer not in chain]
    if passed:
        joined = chain[0].name
        raise FileError(
            file.path, "recurrent layers that follow one another",
            f"{passed[0].name!r} beside them, at the layer {joined!r}, which reads {' and '.join(sources[joined])}",
            ITSELF,
        )  # fmt: skip
    if len(sources[chain[0].name]) > 1 and chain[0].kind in RECURRENT:
        raise FileError(
            file.path, f"the layer {chain[0].name!r} with one input",
            f"{', '.join(sources[chain[0].name])}: its initial states come from the model", ITSELF,
        )  # fmt: skip
    # what lies before a layer that joins several is no part of the chain, but it is in the file
    return [layer for layer in layers if layer not in chain] + chain


def _read_by(node: Any) -> Iterator[str]:
    """Names of the layers whose outputs a call of a layer reads: Keras 3 says it in tensors, Keras 2 in lists."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield node["keras_history"][0]
            return
        for key, value in node.items():
            if key != "mask":  # which says where sequences end, and is no input
                yield from _read_by(value)
    elif isinstance(node, list | tuple):
        if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
            yield node[0]
            yield from (name for part in node[3:] for name in _read_by(part))
            return
        for value in node:
            yield from _read_by(value)
