"""A model by its file, or a fresh one, with the data it is measured on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from bptt import files
from bptt.configuration import fresh_network
from bptt.data import DEFAULT_TEXT, Data, Reading, Series, Task, Text
from bptt.data import load as load_data
from bptt.data.series import PACKAGED
from bptt.data.tasks import NAMES
from bptt.errors import OptionError
from bptt.models.fitting import fitted, noise_for
from bptt.models.model import Model
from bptt.models.saved import SavedModel, read
from bptt.network import Network
from bptt.training.sources import source_of

FOUND_BY_NAME = ("noise", *NAMES, *PACKAGED)


def fresh(
    source: str = "text",
    length: int | None = None,
    reading: Reading | None = None,
    *,
    hidden: int = 128,
    init: str = "pytorch",
    seed: int = 0,
    dtype: str = "float32",
    **options: Any,
) -> Model:
    """A fresh network of the sizes and the loss that the data need, and the data.

    Args:
        source: the data, as ``bptt.data.load`` takes them.
        length: T of a task, steps of a measured sequence of text; their own if None.
        reading: of a file of sequences, what the user says about it.
        hidden: H, units of each layer.
        init: name of the scheme of the weights (``bptt.cells.initialise``).
        seed: of the weights.
        dtype: "float32" or "float64".
        options: cell, layers, bidirectional, activation and gain, as for ``Network.init``.

    Raises:
        FileError: if a file is missing or not what it says.
        OptionError: if a name or number is outside its choices, or the data cannot be read so.
    """
    data = load_data(source, length, reading=reading)
    network = fresh_network(data, hidden, init, seed, dtype, **options)
    return _fitting(Model(network, data, source, _length(data, length), reading=reading))


def load(
    path: str | Path,
    source: str | None = None,
    length: int | None = None,
    reading: Reading | None = None,
    *,
    activation: str | None = None,
    recurrent: str | None = None,
    readout: str | None = None,
) -> Model:
    """The model in a file, and data that it can read.

    Args:
        path: saved by ``network.save``, a state dict that PyTorch saved, a model of Keras or an ONNX file.
        source: the data, as ``bptt.data.load`` takes them; if None what the file says it was trained on. With
            PyTorch's weights a file of sequences is taken as it stands, neither scaled nor split.
        length: T of a task or noise, by default that of the training; steps of a measured sequence of text.
            Other sequences have a length of their own.
        reading: of a file of sequences, what the user says about it.
        activation: "tanh" or "relu", of a plain RNN that PyTorch saved, whose weights do not tell.
        recurrent: name of the recurrent module, where PyTorch's file holds several.
        readout: name of the linear layer that reads the states, where several fit.

    Raises:
        FileError: if a file is missing or not what it says.
        OptionError: if the weights leave a choice and it is not made, one is made that they do not leave, or
            the data do not fit.
        NonFiniteError, ShapeError, DTypeError: if the weights make no network.
    """
    saved = read(path, activation=activation, recurrent=recurrent, readout=readout)
    network, notes = saved.network, saved.notes
    if source is None:
        source = _trained_on(path, saved)
    if length is None and notes.get("data") == source and "length" in notes:
        length = files.parsed(path, "length", lambda: int(notes["length"]))
    if source == "noise":
        data: Data = noise_for(network) if length is None else noise_for(network, length)
    else:
        unknown = saved.parts is not None
        data = load_data(
            source, length, notes.get("characters"), as_stored=unknown, reading=reading
        )
        if unknown:
            network, data = _with_loss(network, data, source)
    return _fitting(Model(network, data, source, _length(data, length), saved, reading))


def _with_loss(network: Network, data: Data, source: str) -> tuple[Network, Data]:
    """PyTorch's weights with the loss of the data; a batch need not hold every class that they know."""
    if isinstance(data, Text):
        raise OptionError(
            "data", "a file of sequences, or a task, for a network that bptt did not save", repr(source),
            "Save what the recurrent layers read: arrays x and targets in a .npz file.",
        )  # fmt: skip
    network = fitted(network, data, source)
    return network, replace(data, outputs=len(network.b_O))


def _trained_on(path: str | Path, saved: SavedModel) -> str:
    """The data that a file says its network was trained on.

    Raises:
        OptionError: if it does not say so, or they cannot be found by their name.
    """
    if saved.parts is not None:
        raise OptionError(
            "data", f"the data that {path} reads, for {saved.writer} does not save what it was trained on", "none",
            "Save what the recurrent layers read: arrays x and targets in a .npz file.",
        )  # fmt: skip
    name = saved.notes.get("data", DEFAULT_TEXT)
    if name == DEFAULT_TEXT:
        return "text"
    if name not in FOUND_BY_NAME:
        raise OptionError(
            "data", f"the path of {name}, which {path} was trained on", "none", "Pass it, or other data.",
        )  # fmt: skip
    return name


def _length(data: Data, length: int | None) -> int | None:
    """T of a task; none of sequences that have a length of their own; of a text as it was given."""
    if isinstance(data, Task):
        return data.length
    return None if isinstance(data, Series) else length


def _fitting(model: Model) -> Model:
    """The model, if its network reads the data.

    Raises:
        OptionError: if not.
    """
    if model.saved is not None:
        fitted(model.network, model.data, model.source)  # whose errors speak of the data
    source_of(model.data, batch=1, length=1).check(model.network)
    return model
