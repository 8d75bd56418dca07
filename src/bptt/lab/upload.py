"""A model of one's own: a dropped .safetensors file becomes a network, with a batch to measure it on.

It is read as numbers and names, never unpickled, and refused before it is parsed where it is too large or not
what its name says. Weights that PyTorch saved tell neither what reads the states nor what the loss is: what is
missing is chosen, and said.
"""

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from bptt import files
from bptt.arrays import Array
from bptt.cells.initialise import readout_weights
from bptt.configuration import Built, measured_batch
from bptt.data import Data, Text, load, tasks
from bptt.data.series import PACKAGED
from bptt.data.tasks import Task
from bptt.data.tasks.noise import noise
from bptt.errors import BpttError, FileError, OptionError
from bptt.models.state_dict import network_of, parts_of, readouts_of
from bptt.network import LossName, Network
from bptt.network.losses import steps_of

MAX_BYTES = 64 * 2**20
HEADER = 4 * 2**20  # bytes of names and shapes: 30,000 tensors
MEASURED = 2**29  # bytes of inputs, states and outputs of a batch
ENDING = ".safetensors"
OUTPUTS = 2  # of a readout that is drawn: the coin of the noise
DATA = ("noise", *tasks.NAMES, "text", *PACKAGED)
SAVED_BY = {
    b"PK\x03\x04": "a zip archive, as torch.save writes",
    b"\x80": "a pickled object, which could run any code and was not opened",
    b"MZ": "a program",
}
SAVE = "Save it in Python: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')."


@dataclass(frozen=True, eq=False)
class Uploaded:
    """A network from a file.

    Attributes:
        network: the model; its loss is one of its own only where bptt saved it.
        notes: sentences about what was found and what was chosen.
        saved: what the file says beside its weights.
        drawn: whether the readout is none of the file's.
    """

    network: Network
    notes: list[str]
    saved: dict[str, str]
    drawn: bool


def opened(
    name: str,
    content: bytes,
    *,
    activation: str = "tanh",
    recurrent: str | None = None,
    readout: str | None = None,
    seed: int = 0,
) -> Uploaded:
    """The network in a file: one that bptt saved, or the weights of an nn.RNN, nn.GRU or nn.LSTM.

    Args:
        name: of the file, as the user knows it.
        content: all of it.
        activation: "tanh" or "relu", of a plain RNN of PyTorch's.
        recurrent: prefix of the recurrent module's names, where there are several.
        readout: prefix of the readout's names, where several fit.
        seed: of the readout that is drawn where there is none.

    Raises:
        FileError: if it is too large, or not such a file.
        OptionError: if the weights leave a choice and it is not made.
        NonFiniteError, ShapeError, DTypeError: if the weights make no network.
    """
    name = _shown(name)
    _check(name, content)
    tensors, saved = files.tensors_in(name, content)
    try:
        if "levels" in saved or "W_O" in tensors:
            network, _ = Network.of_tensors(name, tensors, saved)
            found = Uploaded(network, [f"Saved by bptt: {network!r}."], saved, drawn=False)
        else:
            found = _of_state_dict(name, tensors, saved, activation, recurrent, readout, seed)
    except BpttError as error:
        if name in error.argument + error.expected:
            raise
        raise FileError(
            f"{name}: {error.argument}", error.expected, error.got, error.cure
        ) from error
    return found


def _check(name: str, content: bytes) -> None:
    """Refuse by size, name and first bytes.

    Raises:
        FileError: naming the file.
    """
    if len(content) > MAX_BYTES:
        raise FileError(
            name, f"at most {MAX_BYTES:,} bytes", f"{len(content):,}",
            "For larger models: bptt diagnose --model, on the command line.",
        )  # fmt: skip
    if not name.lower().endswith(ENDING):
        raise FileError(name, f"a name ending in {ENDING}", repr(PurePosixPath(name).suffix), SAVE)
    header = int.from_bytes(content[:8], "little")
    got = next((what for first, what in SAVED_BY.items() if content.startswith(first)), None)
    if content[8:9] == b"{":  # a length may begin with any byte
        far = header > min(HEADER, len(content) - 8)
        got = f"a header of {header} bytes in a file of {len(content)}" if far else None
    else:
        got = got or (f"a file of {len(content)} bytes" if len(content) < 10 else "something else")
    if got:
        raise FileError(name, f"a {ENDING} file", got, SAVE)


def _of_state_dict(
    name: str,
    tensors: dict[str, Array],
    saved: dict[str, str],
    activation: str,
    recurrent: str | None,
    readout: str | None,
    seed: int,
) -> Uploaded:
    """The network in PyTorch's weights, and what had to be chosen."""
    size, fit = readouts_of(tensors, recurrent=recurrent, path=name)
    drawn = not fit and readout is None
    if drawn:
        readout = "a readout that was drawn"
        W_O, b_O = readout_weights(size, OUTPUTS, seed, np.float32)
        tensors = tensors | {f"{readout}.weight": W_O, f"{readout}.bias": b_O}
    parts = parts_of(tensors, recurrent=recurrent, readout=readout, path=name)
    plain = parts.cell == "rnn"
    outputs = len(tensors[f"{parts.readout}.weight" if parts.readout else "weight"])
    loss: LossName = "mse" if outputs == 1 else "cross_entropy"
    network = network_of(
        tensors, activation=activation if plain else None, recurrent=recurrent, readout=readout,
        loss=loss, loss_at="last", path=name,
    )  # fmt: skip
    levels, both = len(parts.levels), ", both directions" * (len(parts.levels[0]) == 2)
    notes = [
        f"PyTorch's weights: {parts.cell.upper()}, {levels} level{'s' * (levels > 1)}{both}, "
        f"{network.stack.inputs} inputs, {network.layer.hidden} units."
    ]
    if plain:
        notes.append(f"A plain RNN's weights do not tell tanh from relu: taken as {activation}.")
    if drawn:
        notes.append(
            f"Nothing in the file reads the {size} states at the top: a readout was drawn, as nn.Linear is, seed "
            f"{seed}. The way back through the layers is your model's, the error it starts from is not."
        )
    else:
        plural = "s" * (outputs > 1)
        notes.append(f"Read by {parts.readout or 'weight'!r}: {outputs} output{plural}.")
    if network.stack.outputs > network.layer.hidden:
        notes.append("Both directions are read; a loss at the end, at the last state of either.")
    if parts.rest:
        more = f" and {len(parts.rest) - 4} more" if len(parts.rest) > 4 else ""
        listed = ", ".join(map(_shown, parts.rest[:4]))
        notes.append(f"In the file and not used: {listed}{more}.")
    return Uploaded(network, notes, saved, drawn)


def fitted(
    uploaded: Uploaded,
    data_name: str = "noise",
    length: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    loss_at: str | None = None,
) -> Built:
    """The network with a batch to measure it on.

    Args:
        uploaded: what ``opened`` gave.
        data_name: "noise", which fits every model, a task, "text", "vowels" or "acsf1".
        length: T of noise and tasks, steps of a text; their own if None.
        batch: B; by their length if None.
        seed: of the sequences, and of a readout that was drawn and must have other outputs.
        loss_at: "last" or "every" step, of noise; None for the model's own. Other data say it themselves.

    Raises:
        OptionError: if there are no such data, they do not fit the model, or the batch needs too much
            memory.
    """
    network = uploaded.network
    if data_name not in DATA:
        raise OptionError("data", f"one of {', '.join(DATA)}", repr(data_name), "Choose one.")
    data: Data
    if data_name == "noise":
        data = _noise_for(network, 100 if length is None else length, loss_at)
        network = Network(network.body, network.W_O, network.b_O, network.loss, data.loss_at)
    else:
        if loss_at is not None:
            raise OptionError(
                "loss_at", f"none for {data_name}, which says itself where the loss is taken",
                repr(loss_at), "Leave it out, or take noise.",
            )  # fmt: skip
        characters = uploaded.saved.get("characters") if data_name == "text" else None
        data = load(data_name, length, characters)
        network = _reading(uploaded, data, data_name, seed)
    _check_memory(network, data, length, batch)
    made = measured_batch(data, length, batch, network.stack.dtype, seed)
    return Built(network, made, data, data.needed_lag if isinstance(data, Task) else None)


def words(error: BpttError) -> str:
    """What went wrong, for a page: no names of options of the command line, and no longer than it is read."""
    text = re.sub(r"\s+", " ", re.sub(r"--(?=(?:recurrent|readout|activation)\b)", "", str(error)))
    return text if len(text) <= 500 else f"{text[:497]}..."


def _noise_for(network: Network, length: int, loss_at: str | None) -> Task:
    """Noise of the model's inputs, with targets of its outputs: classes or numbers, nothing to learn."""
    I, O = network.stack.inputs, len(network.b_O)
    at: Any = network.loss_at if loss_at is None else loss_at
    plain = noise(length, I, at if isinstance(at, str) else "every")
    steps = steps_of(at, length)
    classes = network.loss == "cross_entropy"

    def draw(rng: np.random.Generator, sequences: int, held_out: bool) -> tuple[Array, Array]:
        x = rng.standard_normal((length, sequences, I), np.float32)
        shape = (sequences,) if at == "last" else (len(steps), sequences)
        if classes:
            return x, rng.integers(O, size=shape)
        return x, rng.standard_normal((*shape, O), np.float32)

    return replace(
        plain, outputs=O, loss=network.loss, loss_at=at, draw=draw,
        baseline=float(np.log(O)) if classes else 1.0, solved=1.0 if classes else 0.0,
        at=lambda T: _noise_for(network, T, loss_at),
    )  # fmt: skip


def _reading(uploaded: Uploaded, data: Data, name: str, seed: int) -> Network:
    """The network with the loss of the data.

    Raises:
        OptionError: if their sizes differ.
    """
    network = uploaded.network
    I, O = network.stack.inputs, len(network.b_O)
    if isinstance(data, Text):
        inputs = outputs = len(data.characters)
        loss: LossName = "cross_entropy"
        at: Any = "every"
    else:
        inputs, outputs, loss, at = data.inputs, data.outputs, data.loss, data.loss_at
    if inputs != I:
        raise OptionError(
            "data", f"data of {I} number{'s' * (I > 1)} a step, as the model reads",
            f"{name}, which has {inputs}", "Noise fits every model.",
        )  # fmt: skip
    if uploaded.drawn:
        W_O, b_O = readout_weights(network.stack.outputs, outputs, seed, network.stack.dtype)
        return Network(network.body, W_O, b_O, loss, at)
    if outputs > O or (loss == "mse" and outputs != O):
        what = "classes" if loss == "cross_entropy" else "numbers to be told"
        raise OptionError(
            "data", f"data for {O} output{'s' * (O > 1)}, as the model has",
            f"{name}, which has {outputs} {what}", "Noise fits every model.",
        )  # fmt: skip
    return Network(network.body, network.W_O, network.b_O, loss, at)


def _check_memory(network: Network, data: Data, length: int | None, batch: int | None) -> None:
    """Refuse a batch before it is drawn.

    Raises:
        OptionError: if it needs too much memory.
    """
    if isinstance(data, Task):
        T, B = data.steps, batch or max(1, min(16, 4000 // data.steps))
    else:
        T, B = (128 if length is None else length), 16 if batch is None else batch
    outputs = len(network.b_O) * (1 if network.loss_at == "last" else T)
    numbers = sum(len(layer.b) + 2 * layer.hidden for layer in network.stack.layers)
    need = B * (T * (network.stack.inputs + numbers) + outputs) * network.stack.dtype.itemsize
    if need > MEASURED:
        raise OptionError(
            "length and batch", f"a batch of at most {MEASURED >> 20} MB", f"{need >> 20} MB",
            "Take shorter or fewer sequences; a larger model is for bptt.diagnose in Python.",
        )  # fmt: skip


def _shown(name: str) -> str:
    """A name in one line: without folders and signs that are no letters, and not for ever."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in re.split(r"[/\\]", name)[-1])
    return plain if len(plain) <= 80 else f"{plain[:40]}...{plain[-37:]}"
