"""A model and the data it is measured on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt.configuration import measured_batch
from bptt.data import Data, Reading, Series, Task
from bptt.data.series import PACKAGED
from bptt.models.found import shortened
from bptt.models.saved import SavedModel
from bptt.network import Network
from bptt.training.sources import source_of


@dataclass(frozen=True, eq=False)
class Model:
    """A network and the data that it reads; the two fit.

    Attributes:
        network: fresh, or as a file holds it.
        data: what it reads.
        source: the name or the path of the data.
        length: T of a task; of a text the steps of a measured sequence, or None; None of other sequences.
        saved: the file, or None where the network is fresh.
        reading: what the user said about a file of sequences.
    """

    network: Network
    data: Data
    source: str
    length: int | None
    saved: SavedModel | None = None
    reading: Reading | None = None

    @property
    def from_pytorch(self) -> bool:
        """Whether another program saved it: then nobody knows what it was trained on."""
        return self.saved is not None and self.saved.parts is not None

    @property
    def needed_lag(self) -> int | None:
        """What a task needs; None where nobody says."""
        return self.data.needed_lag if isinstance(self.data, Task) else None

    @property
    def data_facts(self) -> list[tuple[str, str]]:
        """(name, value) pairs that say what the data are."""
        data = self.data
        return data.facts if isinstance(data, Task | Series) else [("Data", data.name)]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """(name, value) pairs that say which parts of which file were measured."""
        saved = self.saved
        if saved is None:
            return []
        facts = [("model", saved.name)]
        if saved.parts is None:
            return facts
        named = (("recurrent", saved.parts.recurrent), ("readout", saved.parts.readout))
        facts += [(name, prefix) for name, prefix in named if prefix]
        network = self.network
        if network.loss_at == "last" and network.stack.outputs > network.layer.hidden:
            facts.append(("read at the end", "the last state of either direction, h_n"))
        if self.source in PACKAGED:  # who knows what these weights were trained on
            facts.append(("inputs", "standardised by the training part of the set"))
        facts += saved.facts
        if saved.normed:
            facts.append(("computed from g and v", shortened(tuple(saved.normed))))
        if saved.parts.rest:
            facts.append(("in the file and not used", shortened(saved.parts.rest)))
        return facts

    def batch(self, sequences: int | None = None, length: int | None = None) -> dict[str, Any]:
        """The arguments of ``network.run`` on data that it has not been trained on.

        Args:
            sequences: B; 16 if None, fewer where they are long.
            length: T, of a text; the model's own if None, else 128.

        Raises:
            OptionError: if there are not so many sequences.
        """
        length = self.length if length is None else length
        return measured_batch(self.data, length, sequences, self.network.stack.dtype)

    def save(self, network: Network, out: str | Path) -> None:
        """Write a changed copy of the network as its file was, or as ``bptt train`` would.

        Raises:
            FileError: if it cannot be written, or PyTorch's file has no tensor for a bias.
        """
        if self.saved is None:
            network.save(out, source_of(self.data, batch=1, length=1).notes)
        else:
            self.saved.save(network, out)
