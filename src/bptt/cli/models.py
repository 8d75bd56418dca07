"""The model a command is about: a saved one, PyTorch's weights, or a fresh one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptt.cli.options import network_from_torch

if TYPE_CHECKING:
    from bptt.arrays import Array
    from bptt.data import Series, Text
    from bptt.data.tasks import Task
    from bptt.network import Network


@dataclass(frozen=True, eq=False)
class Opened:
    """A model and the data it is measured on.

    Attributes:
        network: the model.
        data: what it reads.
        length: of a task, or as given.
        about: (name, value) pairs to be said of a file.
        own: False for PyTorch's weights.
        notes: of the file.
        tensors: of a file of PyTorch's weights, as they stand there.
        parts: the names of its recurrent module and readout, as given.
    """

    network: "Network"
    data: "Text | Series | Task"
    length: int | None
    about: list[tuple[str, str]]
    own: bool = True
    notes: dict[str, str] | None = None
    tensors: "dict[str, Array] | None" = None
    parts: tuple[str | None, str | None] = (None, None)

    def save(self, network: "Network", out: Path) -> None:
        """Write a changed copy of the model: a bptt network, or PyTorch's weights by their names."""
        if self.tensors is not None:
            from bptt import files
            from bptt.models.state_dict import with_layers

            recurrent, readout = self.parts
            files.write_tensors(
                out,
                with_layers(
                    self.tensors,
                    network.stack.layers,
                    recurrent=recurrent,
                    readout=readout,
                    path=out,
                ),
                {"format": "pt"},
            )
            return
        notes = dict(self.notes or {})
        notes.pop("run", None)
        network.save(out, notes)


def open_model(
    model: Path | None,
    data: str,
    length: int | None,
    activation: str | None,
    recurrent: str | None,
    readout: str | None,
    **fresh: Any,
) -> Opened:
    """The model in a file, or a fresh one of the sizes that the data need, and the data.

    Raises:
        FileError: if a file is missing or not what it says.
        OptionError: if the options do not go together.
    """
    from bptt import files
    from bptt.configuration import fresh_network
    from bptt.data import load
    from bptt.data.tasks import Task
    from bptt.network import Network

    def at(found: "Text | Series | Task") -> int | None:
        return found.length if isinstance(found, Task) else length

    if model is None:
        if recurrent is not None or readout is not None:
            raise _no_torch()
        loaded = load(data, length)
        network = fresh_network(
            loaded, activation="tanh" if activation is None else activation, **fresh
        )
        return Opened(network, loaded, at(loaded), [])
    tensors, notes = files.read_weights(model)
    if "levels" not in notes and "W_O" not in tensors:
        network, series, about = network_from_torch(
            model, tensors, data, activation, recurrent, readout
        )
        return Opened(
            network, series, length, about, own=False, tensors=tensors, parts=(recurrent, readout)
        )
    if recurrent is not None or readout is not None:
        raise _no_torch()
    network, notes = Network.of_tensors(model, tensors, notes)
    if length is None and notes.get("data") == data and "length" in notes:
        length = files.parsed(model, "length", lambda: int(notes["length"]))
    loaded = load(data, length, notes.get("characters"))
    return Opened(network, loaded, at(loaded), [("model", model.name)], notes=notes)


def _no_torch() -> Exception:
    from bptt.errors import OptionError

    return OptionError(
        "--recurrent and --readout", "the weights of a PyTorch model", "none", "Leave them out."
    )
