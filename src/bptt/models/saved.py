"""A network in a file: one that bptt saved, the weights that PyTorch saved, or a model of Keras or in ONNX."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bptt import files
from bptt.arrays import Array
from bptt.cells.initialise import readout_weights
from bptt.errors import OptionError
from bptt.models import keras, onnx
from bptt.models.found import Found
from bptt.models.state_dict import (
    Normed,
    Parts,
    network_of,
    parts_of,
    readouts_of,
    with_layers,
    with_weights,
    without_weights,
)
from bptt.network import LossName, Network

DRAWN_OUTPUTS = 2  # of a readout that is drawn: the classes of noise
DRAWN = "a readout that was drawn"


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A network in a file.

    Attributes:
        name: of the file.
        network: the model. Weights that PyTorch saved do not tell the loss: numbers are taken for
            one output, classes for several, at the last step, until data say it (``fitted``).
        notes: what the file says beside its weights.
        parts: which of the file's tensors make the network; None where bptt saved it.
        drawn: whether the readout is none of the file's.
        tensors: the weights by the names of the file.
        normed: the weights that were computed from the file's g and v, by the names of these.
        originals: these g and v.
        writer: "PyTorch", "Keras" or "ONNX", where bptt did not save it.
        facts: (name, value) pairs of what the file says beside the weights.
    """

    name: str
    network: Network
    notes: dict[str, str]
    parts: Parts | None = None
    drawn: bool = False
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    normed: Normed = field(default_factory=dict, repr=False)
    originals: dict[str, Array] = field(default_factory=dict, repr=False)
    writer: str = "PyTorch"
    facts: tuple[tuple[str, str], ...] = ()

    def save(self, network: Network, out: str | Path) -> None:
        """Write a changed copy: PyTorch's weights by their names, else a bptt network.

        Raises:
            FileError: if it cannot be written, or has no tensor for a bias.
        """
        if self.parts is None or self.writer != "PyTorch":
            network.save(out, {name: note for name, note in self.notes.items() if name != "run"})
            return
        changed = with_layers(
            self.tensors, network.stack.layers,
            recurrent=self.parts.recurrent, readout=self.parts.readout, path=out,
        )  # fmt: skip
        changed = without_weights(changed, self.originals, self.normed)
        files.write_tensors(out, changed, {"format": "pt"})


def read(
    path: str | Path,
    *,
    activation: str | None = None,
    recurrent: str | None = None,
    readout: str | None = None,
) -> SavedModel:
    """The network in a file.

    Args:
        path: saved by ``network.save``, a state dict that PyTorch saved (.safetensors, .pt, .pth, .bin,
            .ckpt), which is never unpickled, a model of Keras (.keras, .h5, .weights.h5) or an ONNX file.
        activation: as for ``saved_model``.
        recurrent: as for ``saved_model``.
        readout: as for ``saved_model``.

    Raises:
        FileError, OptionError, NonFiniteError, ShapeError, DTypeError: as ``saved_model`` does.
    """
    kind = files.kind_of(path)
    reader = kind.reader if kind else None
    if reader == "keras":
        _nothing_chosen(str(path), "a model of Keras", recurrent=recurrent, readout=readout)
        return _of_found(path, keras.read_model(path, activation))
    if reader == "onnx" or (reader is None and Path(path).suffix == ".onnx"):
        _nothing_chosen(
            str(path), "an ONNX file", activation=activation, recurrent=recurrent, readout=readout
        )
        return _of_found(path, onnx.read_model(path))
    tensors, notes = files.read_weights(path)
    return saved_model(
        str(path), tensors, notes, activation=activation, recurrent=recurrent, readout=readout
    )


def saved_model(
    name: str,
    tensors: dict[str, Array],
    notes: dict[str, str],
    *,
    activation: str | None = None,
    recurrent: str | None = None,
    readout: str | None = None,
    assumed: str | None = None,
    seed: int | None = None,
) -> SavedModel:
    """The network in the tensors of a file.

    Args:
        name: of the file, for the errors.
        tensors: its weights.
        notes: what it says beside them.
        activation: "tanh" or "relu", of a plain RNN that PyTorch saved, whose weights do not tell.
        recurrent: prefix of the recurrent module's names, where PyTorch's file holds several.
        readout: prefix of the readout's names, where several fit.
        assumed: the activation of such a plain RNN if none is given; None asks for it.
        seed: of a readout that is drawn where nothing in PyTorch's file reads the states; None draws none.

    Raises:
        FileError: if it is no such file.
        OptionError: if the weights leave a choice and it is not made, or one is made that they do not leave.
        NonFiniteError, ShapeError, DTypeError: if the weights make no network.
    """
    if "levels" in notes or "W_O" in tensors:
        _nothing_chosen(
            name,
            "a network that bptt saved",
            activation=activation,
            recurrent=recurrent,
            readout=readout,
        )
        return SavedModel(Path(name).name, Network.of_tensors(name, tensors, notes)[0], notes)
    stored, drawn = tensors, False
    tensors, normed = with_weights(stored)
    originals = {each: stored[each] for pair in normed.values() for each in pair}
    if seed is not None and readout is None:
        size, fit = readouts_of(tensors, recurrent=recurrent, path=name)
        if drawn := not fit:
            readout = DRAWN
            W_O, b_O = readout_weights(size, DRAWN_OUTPUTS, seed, np.float32)
            tensors = tensors | {f"{readout}.weight": W_O, f"{readout}.bias": b_O}
    parts = parts_of(tensors, recurrent=recurrent, readout=readout, path=name)
    if parts.cell == "rnn" and activation is None:
        activation = assumed
    outputs = len(tensors[f"{parts.readout}.weight" if parts.readout else "weight"])
    loss: LossName = "mse" if outputs == 1 else "cross_entropy"
    network = network_of(
        tensors, activation=activation, recurrent=parts.recurrent, readout=parts.readout,
        loss=loss, loss_at="last", path=name,
    )  # fmt: skip
    return SavedModel(Path(name).name, network, notes, parts, drawn, tensors, normed, originals)


def _of_found(path: str | Path, found: Found) -> SavedModel:
    return SavedModel(
        Path(path).name, found.network, {}, found.parts, writer=found.writer, facts=found.facts
    )


def _nothing_chosen(name: str, what: str, **chosen: str | None) -> None:
    """Refuse what only a state dict leaves open.

    Raises:
        OptionError: if something was chosen.
    """
    for argument, value in chosen.items():
        if value is not None:
            raise OptionError(
                argument, f"none, for {name} is not the weights of a PyTorch model but {what}", repr(value),
                "Leave it out: the file says what it holds.",
            )  # fmt: skip
