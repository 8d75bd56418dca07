"""The network in a Keras file: levels, readout, and what is said of the rest."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bptt.errors import FileError
from bptt.files.keras_files import SAVE, KerasFile, read_keras, snake_case
from bptt.models.found import ITSELF, Found, Readout, network_of, shortened, whole
from bptt.models.keras.chain import RECURRENT, chain_of
from bptt.models.keras.layer import KerasLayer
from bptt.models.keras.weights import all_steps, dense_of, dropped, level_of
from bptt.models.state_dict import Parts

# Nothing outside training.
OFF = (
    "Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization",
)  # fmt: skip


def read_model(path: str | Path, activation: str | None = None) -> Found:
    """The network in a .keras, .h5 or .weights.h5 file.

    Args:
        path: of the file.
        activation: of a SimpleRNN, where only its weights were saved.

    Raises:
        FileError: if it is no such file, or the model does what no network here does; it says which layer.
        OptionError: if h5py is missing, or the weights leave a choice and it is not made.
        NonFiniteError, ShapeError, DTypeError: if the weights make no network.
    """
    with whole(str(path), "a model of Keras", SAVE):
        return _found(read_keras(path), activation)


def _found(file: KerasFile, activation: str | None) -> Found:
    before, chain = chain_of(file)
    recurrent = [layer for layer in chain if layer.kind in RECURRENT]
    readout = _readout(file, chain)
    steps = [all_steps(layer) for layer in recurrent]
    for layer, every in zip(recurrent[:-1], steps, strict=False):
        if every is False:
            raise FileError(
                file.path,
                f"return_sequences=True in {layer.name!r}, which another layer reads",
                "False",
                ITSELF,
            )
    levels = [level_of(file, layer, activation) for layer in recurrent]
    network = network_of(file.path, levels, readout, "every" if steps[-1] else "last")
    parts = Parts(
        network.layer.cell.name, ", ".join(layer.name for layer in recurrent),
        tuple((layer.name,) for layer in recurrent), readout.name, tuple(layer.name for layer in before),
    )  # fmt: skip
    return Found(network, parts, tuple(_facts(file, before, chain)), "Keras")


def _readout(file: KerasFile, chain: list[KerasLayer]) -> Readout:
    """The dense layer at the top, and what its outputs pass.

    Raises:
        FileError: if there is none, or another layer is on the way to the output.
    """
    readout: Readout | None = None
    top = max(i for i, layer in enumerate(chain) if layer.kind in RECURRENT)
    for number, layer in enumerate(chain):
        if layer.kind in RECURRENT or layer.kind in OFF:
            continue
        squashed = _squashing(layer) if number > top else None
        if readout is not None and squashed and readout.activation == "linear":
            readout = replace(readout, activation=squashed)
        elif readout is None and number > top and _reads(layer):
            W, b, activation = dense_of(file, layer)
            readout = Readout(layer.name, W, b, activation)
        else:
            place = "between recurrent layers" if number < top else "from the states to the output"
            raise FileError(
                file.path, f"one Dense layer {place}" if number > top else f"nothing {place} but dropout",
                f"the layer {layer.name!r} of class {layer.kind}", ITSELF,
            )  # fmt: skip
    if readout is None:
        raise FileError(
            file.path, "a Dense layer that reads the states", f"{chain[-1].name!r} as the output",
            "Save the whole model, including the layer that reads the states.",
        )  # fmt: skip
    loss = _loss_name(file.loss)
    return replace(readout, logits="crossentropy" in loss if loss else len(readout.W) > 1)


def _reads(layer: KerasLayer) -> bool:
    return layer.kind == "Dense" or (
        layer.kind == "TimeDistributed" and layer.inner.kind == "Dense"
    )


def _squashing(layer: KerasLayer) -> str | None:
    """The activation that a layer is and nothing more."""
    if layer.kind == "Softmax":
        return "softmax"
    return str(layer.config.get("activation")) if layer.kind == "Activation" else None


def _loss_name(loss: Any) -> str:
    """The loss of a compiled model by its name in Keras; "" where there is none."""
    if isinstance(loss, dict):
        loss = (loss.get("config") or {}).get("name") or loss.get("class_name")
    return (
        snake_case(loss).replace("cross_entropy", "crossentropy") if isinstance(loss, str) else ""
    )


def _facts(
    file: KerasFile, before: list[KerasLayer], chain: list[KerasLayer]
) -> Iterator[tuple[str, str]]:
    """What the file says that the network does not do, by name."""
    layers = [*before, *chain]
    off = [layer.name for layer in chain if layer.kind in OFF]
    off += [rate for layer in chain if layer.kind in RECURRENT for rate in dropped(layer)]
    if off:
        yield "off, as outside training", shortened(tuple(off))
    if any(layer.kind == "Masking" or layer.config.get("mask_zero") for layer in layers):
        yield (
            "masked",
            "what lies behind a sequence's end, by the lengths of the data, and nothing else",
        )
    if any(layer.config.get("stateful") for layer in chain):
        yield "stateful", "every sequence begins with a state of zero"
    if loss := _loss_name(file.loss):
        yield "compiled with", loss
