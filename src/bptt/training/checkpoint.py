"""Checkpoints: all that the next step depends on, in one safetensors file.

Weights, the optimiser's state, the carried state h, the number of steps done and the settings. The
place in the text follows from the number of steps, and nothing is drawn at random while training, so
a resumed run goes on bit for bit.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt import files
from bptt.arrays import Array
from bptt.errors import FileError, OptionError
from bptt.network import Network


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run, stopped between two steps.

    Attributes:
        network: the weights.
        optimiser: the optimiser's state arrays.
        h: (B, H) state carried into the next chunk.
        done: steps done.
        clipped: of them, steps at which clipping bound.
        history: (step, bits per character) pairs so far.
        settings: what must be the same for the run to go on as it began.
    """

    network: Network
    optimiser: dict[str, Array]
    h: Array
    done: int
    clipped: int
    history: list[tuple[int, float]]
    settings: dict[str, Any]

    def save(self, path: str | Path, notes: dict[str, str]) -> Path:
        """Write it.

        Raises:
            FileError: if it cannot be written.
        """
        tensors = self.network.parameters() | {"carried.h": self.h}
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.items()}
        run = {
            "done": self.done,
            "clipped": self.clipped,
            "history": self.history,
            "settings": self.settings,
        }
        described = self.network.describe() | {"run": json.dumps(run)}
        return files.write_tensors(path, tensors, notes | described)

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read it.

        Raises:
            FileError: if it is not a checkpoint.
        """
        tensors, notes = files.read_tensors(path)
        network, _ = Network.of_tensors(path, tensors, notes)
        if "run" not in notes or "carried.h" not in tensors:
            raise FileError(
                str(path), "a checkpoint of bptt train", "a network without a run to go on with",
                "Leave out --resume, or give the checkpoint that bptt train wrote.",
            )  # fmt: skip
        run = json.loads(notes["run"])
        prefix = "optimiser."
        state = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        history = [(int(step), float(bits)) for step, bits in run["history"]]
        return cls(
            network, state, tensors["carried.h"], run["done"], run["clipped"], history,
            run["settings"],
        )  # fmt: skip

    def check_settings(self, settings: dict[str, Any]) -> None:
        """Refuse to go on under other settings than the run began with.

        Raises:
            OptionError: naming the first setting that differs.
        """
        for name, value in settings.items():
            if self.settings.get(name) != value:
                raise OptionError(
                    name, f"{self.settings.get(name)!r}, as the run began", repr(value),
                    "Resume with the same settings, or start a new run.",
                )  # fmt: skip
