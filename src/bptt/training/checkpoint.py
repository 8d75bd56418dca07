"""Checkpoints: all that the next step depends on, in one safetensors file.

Weights, the optimiser's state, the carried states, the number of steps done and the settings. The place in
the text follows from the number of steps, and nothing is drawn at random while training, so a resumed run
goes on bit for bit.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt import files
from bptt.arrays import Array, as_floats
from bptt.errors import FileError, OptionError
from bptt.network import Network
from bptt.training.sources import State


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run, stopped between two steps.

    Attributes:
        network: the weights.
        optimiser: the optimiser's state arrays.
        state: carried into the next chunk.
        done: steps done.
        clipped: of them, steps at which clipping bound.
        history: (step, bits per character) pairs so far.
        recent: bits per character of the steps since the last pair.
        settings: what must be the same for the run to go on as it began.
    """

    network: Network
    optimiser: dict[str, Array]
    state: State
    done: int
    clipped: int
    history: list[tuple[int, float]]
    recent: list[float]
    settings: dict[str, Any]

    def save(self, path: str | Path, notes: dict[str, str]) -> Path:
        """Write it.

        Raises:
            FileError: if it cannot be written.
        """
        tensors = self.network.parameters() | {
            f"carried.{layer}.{i}": part
            for layer, parts in enumerate(self.state)
            for i, part in enumerate(parts)
        }
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.items()}
        run = {
            "done": self.done,
            "clipped": self.clipped,
            "history": self.history,
            "recent": self.recent,
            "settings": self.settings,
        }
        described = self.network.describe() | {"run": json.dumps(run)}
        return files.write_tensors(path, tensors, notes | described)

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read it.

        Raises:
            FileError: if it is not a checkpoint, or a damaged one.
            ShapeError, DTypeError, NonFiniteError: if its arrays do not fit the network.
        """
        tensors, notes = files.read_tensors(path)
        network, _ = Network.of_tensors(path, tensors, notes)
        if "run" not in notes:
            raise FileError(
                str(path), "a checkpoint of bptt train", "a network without a run to go on with",
                "Leave out --resume, or give the checkpoint that bptt train wrote.",
            )  # fmt: skip
        run = files.parsed(path, "run", lambda: _run_of(json.loads(notes["run"])))
        state: State = []
        for number, layer in enumerate(network.stack.layers):
            names = [f"carried.{number}.{i}" for i in range(layer.cell.STATES)]
            files.check_names(path, tensors, names, "a checkpoint of bptt train")
            shape = (run["settings"].get("batch", "B"), layer.hidden)
            state.append(tuple(as_floats(n, tensors[n], shape, layer.dtype) for n in names))
        return cls(network, _optimiser_state(path, tensors, network), state, **run)

    def check_settings(self, settings: dict[str, Any], steps: int) -> None:
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
        if steps < self.done:
            raise OptionError(
                "steps", f"at least {self.done}, the steps done", str(steps), "Give more steps."
            )


def _run_of(note: Any) -> dict[str, Any]:
    """The note of a checkpoint, every part of the type it must be."""
    run: dict[str, Any] = {
        "done": int(note["done"]),
        "clipped": int(note["clipped"]),
        "history": [(int(step), float(bits)) for step, bits in note["history"]],
        "recent": [float(bits) for bits in note["recent"]],
        "settings": dict(note["settings"]),
    }
    if run["done"] < 0:
        raise ValueError(f"done is {run['done']}")
    return run


def _optimiser_state(
    path: str | Path, tensors: dict[str, Array], network: Network
) -> dict[str, Array]:
    """Arrays "m.W_R", "v.W_R" .. of the shape and type of their parameters: all of a kind or none."""
    parameters, found = network.parameters(), {}
    prefix = "optimiser."
    kinds = {name[len(prefix)] for name in tensors if name.startswith(prefix)}
    if not kinds:
        raise FileError(
            str(path), "a checkpoint of bptt train", "one without the optimiser's state",
            "The file is damaged: start a new run.",
        )  # fmt: skip
    for kind in sorted(kinds):
        for name, value in parameters.items():
            full = f"{prefix}{kind}.{name}"
            files.check_names(path, tensors, [full], "a checkpoint of bptt train")
            found[f"{kind}.{name}"] = as_floats(full, tensors[full], value.shape, value.dtype)
    return found
