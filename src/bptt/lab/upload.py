"""A model of one's own: a dropped .safetensors file becomes a network, with a batch to measure it on.

It is read as numbers and names, never unpickled, and refused before it is parsed where it is too large or not
what its name says. Weights that PyTorch saved tell neither what reads the states nor what the loss is: what is
missing is chosen, and said.
"""

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from bptt import files
from bptt.configuration import Built, batch_shape, measured_batch
from bptt.data import Data, Series, load, tasks
from bptt.data.series import PACKAGED
from bptt.data.tasks import Task
from bptt.errors import BpttError, FileError, OptionError
from bptt.models import SavedModel, noise_for, saved_model, shortened, with_readout_for
from bptt.models import fitted as fitted_to
from bptt.network import Network

MAX_BYTES = 64 * 2**20
HEADER = 4 * 2**20  # bytes of names and shapes: 30,000 tensors
MEASURED = 2**29  # bytes of inputs, states and outputs of a batch
ENDING = ".safetensors"
DATA = ("noise", *tasks.NAMES, "text", *PACKAGED)
SAVE = "Save it in Python: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')."


@dataclass(frozen=True, eq=False)
class Uploaded:
    """A network from a file.

    Attributes:
        model: the network, and what the file says beside it.
        notes: sentences about what the file holds and what was chosen.
    """

    model: SavedModel
    notes: list[str]

    @property
    def network(self) -> Network:
        """The model; its loss is one of its own only where bptt saved it."""
        return self.model.network

    @property
    def drawn(self) -> bool:
        """Whether the readout is none of the file's."""
        return self.model.drawn


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
    name = _one_line(name)
    _check(name, content)
    tensors, notes = files.tensors_in(name, content)
    try:
        model = saved_model(
            name, tensors, notes,
            recurrent=recurrent, readout=readout, assumed=activation, seed=seed,
        )  # fmt: skip
    except BpttError as error:
        if name in error.argument + error.expected:
            raise
        raise FileError(
            f"{name}: {error.argument}", error.expected, error.got, error.cure
        ) from error
    return Uploaded(model, _notes(model, activation, seed))


def _check(name: str, content: bytes) -> None:
    """Refuse by size, name and first bytes.

    Raises:
        FileError: naming the file.
    """
    if len(content) > MAX_BYTES:
        raise FileError(
            name, f"at most {MAX_BYTES:,} bytes", f"{len(content):,}",
            "The command bptt diagnose measures larger models.",
        )  # fmt: skip
    kind = files.kind_in(content)
    if kind is not None and not kind.named:
        raise FileError(name, f"a {ENDING} file", kind.what, kind.cure)
    if not name.lower().endswith(ENDING):
        raise FileError(name, f"a name ending in {ENDING}", repr(PurePosixPath(name).suffix), SAVE)
    header = int.from_bytes(content[:8], "little")
    got = kind.what if kind is not None else "something else"
    if content[8:9] == b"{":  # a length may begin with any byte
        far = header > min(HEADER, len(content) - 8)
        got = f"a header of {header} bytes in a file of {len(content)}" if far else ""
    elif len(content) < 10:
        got = f"a file of {len(content)} bytes"
    if got:
        raise FileError(name, f"a {ENDING} file", got, SAVE)


def _notes(model: SavedModel, activation: str, seed: int) -> list[str]:
    """What the file holds, and what had to be chosen."""
    network, parts = model.network, model.parts
    if parts is None:
        return [f"Saved by bptt: {network!r}."]
    levels, both = len(parts.levels), ", both directions" * (len(parts.levels[0]) == 2)
    notes = [
        f"PyTorch's weights: {parts.cell.upper()}, {levels} level{'s' * (levels > 1)}{both}, "
        f"{network.stack.inputs} inputs, {network.layer.hidden} units."
    ]
    if parts.cell == "rnn":
        notes.append(f"A plain RNN's weights do not tell tanh from relu: taken as {activation}.")
    if model.drawn:
        notes.append(
            f"Nothing in the file reads the {network.stack.outputs} states at the top: a readout was drawn, as "
            f"nn.Linear is, seed {seed}. The way back through the layers is your model's, the error it starts from "
            "is not."
        )
    else:
        outputs = len(network.b_O)
        plural = "s" * (outputs > 1)
        notes.append(f"Read by {parts.readout or 'weight'!r}: {outputs} output{plural}.")
    if network.stack.outputs > network.layer.hidden:
        notes.append("Both directions are read; a loss at the end, at the last state of either.")
    if model.normed:
        computed = shortened(tuple(map(_one_line, model.normed)))
        notes.append(f"Weight normalisation: computed from g and v: {computed}.")
    if parts.rest:
        unused = shortened(tuple(map(_one_line, parts.rest)))
        notes.append(f"In the file and not used: {unused}.")
    return notes


def fitted(
    uploaded: Uploaded,
    data_name: str = "noise",
    length: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    loss_at: str | None = None,
    given: Series | None = None,
) -> Built:
    """The network with a batch to measure it on.

    Args:
        uploaded: what ``opened`` gave.
        data_name: "noise", which fits every model, a task, "text", "vowels" or "acsf1".
        length: T of noise and tasks, steps of a text; their own if None.
        batch: B; by their length if None.
        seed: of the sequences, and of a readout that was drawn and must have other outputs.
        loss_at: "last" or "every" step, of noise; None for the model's own. Other data say it themselves.
        given: sequences in the place of all these.

    Raises:
        OptionError: if there are no such data, they do not fit the model, or the batch needs too much
            memory.
    """
    network = uploaded.network
    if data_name not in DATA:
        raise OptionError(
            "data", f"one of {', '.join(DATA)}", repr(data_name), "Choose one of them."
        )
    data: Data
    if given is not None:
        length = batch = None
        network = with_readout_for(network, given, seed) if uploaded.drawn else network
        network = fitted_to(network, given, given.name)
        data = replace(given, outputs=len(network.b_O))
    elif data_name == "noise":
        data = noise_for(network, 100 if length is None else length, loss_at)
        network = Network(network.body, network.W_O, network.b_O, network.loss, data.loss_at)
    else:
        if loss_at is not None:
            raise OptionError(
                "loss_at", f"none for {data_name}, which says itself where the loss is taken",
                repr(loss_at), "Leave it out, or use noise.",
            )  # fmt: skip
        characters = uploaded.model.notes.get("characters") if data_name == "text" else None
        data = load(data_name, length, characters)
        if uploaded.drawn:
            network = with_readout_for(network, data, seed)
        network = fitted_to(network, data, data_name)
    _check_memory(network, data, length, batch)
    arguments = measured_batch(data, length, batch, network.stack.dtype, seed)
    return Built(network, arguments, data, data.needed_lag if isinstance(data, Task) else None)


def words(error: BpttError) -> str:
    """What went wrong, for a page: in one line, and no longer than it is read."""
    text = re.sub(r"\s+", " ", str(error))
    return text if len(text) <= 500 else f"{text[:497]}..."


def _check_memory(network: Network, data: Data, length: int | None, batch: int | None) -> None:
    """Refuse a batch before it is drawn.

    Raises:
        OptionError: if it needs too much memory.
    """
    T, B = batch_shape(data, length, batch)
    outputs = len(network.b_O) * (1 if network.loss_at == "last" else T)
    numbers = sum(len(layer.b) + 2 * layer.hidden for layer in network.stack.layers)
    need = B * (T * (network.stack.inputs + numbers) + outputs) * network.stack.dtype.itemsize
    if need > MEASURED:
        raise OptionError(
            "length and batch", f"a batch of at most {MEASURED >> 20} MB", f"{need >> 20} MB",
            "Use shorter or fewer sequences; bptt.diagnose in Python takes larger models.",
        )  # fmt: skip


def _one_line(name: str) -> str:
    """A name in one line: without folders and signs that are no letters, and not for ever."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in re.split(r"[/\\]", name)[-1])
    return plain if len(plain) <= 80 else f"{plain[:40]}...{plain[-37:]}"
