"""Checkpoints: all that the next update depends on, in one safetensors file.

Weights, the optimiser's state, what is carried (states, and with a window the traces of the steps before),
the number of updates made, the scores and the settings. Everything else, the place in the text, the sequences
drawn, a curriculum's length, the learning rate, follows from the number of updates, so a resumed run goes on bit
for bit. The file's network is the one that training would return: with patience the best so far, and then
the weights to go on with stand beside it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bptt import files
from bptt.arrays import Array, as_floats
from bptt.errors import FileError, OptionError
from bptt.network import Network
from bptt.training.states import State
from bptt.training.stopping import Scores, Stopping
from bptt.training.window import Past, shapes

KIND = "the checkpoint of a training run"
FORMAT = 2  # of the note "run"; in format 1 the number of updates was called done


@dataclass(eq=False)
class Checkpoint:
    """A run between two updates.

    Attributes:
        network: the weights.
        optimiser: the optimiser's state arrays.
        state: carried into the next chunk.
        past: the time steps before it that its gradient reaches.
        done: updates made.
        clipped: of them, updates in which clipping was active.
        history: (updates made, averaged loss) pairs so far.
        recent: losses of the updates since the last pair.
        evaluations: (updates made, score) pairs so far.
        best: with patience, the best network that was scored.
        settings: what must be the same for the run to go on as it began.
    """

    network: Network
    optimiser: dict[str, Array]
    state: State
    past: Past = field(default_factory=list)
    done: int = 0
    clipped: int = 0
    history: list[tuple[int, float]] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    evaluations: Scores = field(default_factory=list)
    best: Network | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def best_score(self, stopping: Stopping) -> float | None:
        """The score of the network to return, where it is known already."""
        if self.best is not None:
            return self.evaluations[stopping.best(self.evaluations)][1]
        if self.evaluations and self.evaluations[-1][0] == self.done:
            return self.evaluations[-1][1]
        return None

    def save(self, path: str | Path, notes: dict[str, str]) -> Path:
        """Write it.

        Raises:
            FileError: if it cannot be written.
        """
        tensors = (self.best or self.network).parameters() | {
            f"carried.{layer}.{i}": part
            for layer, parts in enumerate(self.state)
            for i, part in enumerate(parts)
        }
        for layer, kept in enumerate(self.past):
            tensors |= {f"past.{layer}.{n}": np.ascontiguousarray(v) for n, v in kept.items()}
        if self.best is not None:
            tensors |= {f"running.{n}": value for n, value in self.network.parameters().items()}
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.items()}
        run = {
            "format": FORMAT,
            "updates": self.done,
            "clipped": self.clipped,
            "history": self.history,
            "recent": self.recent,
            "evaluations": self.evaluations,
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
                str(path), KIND, "a network without a run to go on with",
                "Leave resume out, or pass the checkpoint of a run.",
            )  # fmt: skip
        note = files.parsed(path, "run", lambda: dict(json.loads(notes["run"])))
        if note.get("format", 1) != FORMAT:
            raise FileError(
                str(path), f"a checkpoint in format {FORMAT}", f"format {note.get('format', 1)}",
                "Start a new run; Network.load still reads its weights.",
            )  # fmt: skip
        run = files.parsed(path, "run", lambda: _run_of(note))
        state: State = []
        for number, layer in enumerate(network.stack.layers):
            names = [f"carried.{number}.{i}" for i in range(len(layer.cell.states))]
            files.check_names(path, tensors, names, KIND)
            shape = (run["settings"].get("batch", "B"), layer.hidden)
            state.append(tuple(as_floats(n, tensors[n], shape, layer.dtype) for n in names))
        past, best = _past(path, tensors, network, run["settings"]), None
        if any(name.startswith("running.") for name in tensors):
            best, network = network, _running(path, tensors, network)
        optimiser = _optimiser_state(path, tensors, network)
        return cls(network, optimiser, state, past, best=best, **run)

    def check_settings(self, settings: dict[str, Any], updates: int) -> None:
        """Refuse to go on under other settings than the run began with.

        Raises:
            OptionError: naming the first setting that differs.
        """
        for name in (self.settings | settings).keys():
            began, value = self.settings.get(name), settings.get(name)
            if began != value:
                raise OptionError(
                    name, f"{began!r}, as the run began", repr(value),
                    "Resume with the same settings, or start a new run.",
                )  # fmt: skip
        if updates < self.done:
            raise OptionError(
                "updates", f"at least {self.done}, the number made so far", str(updates),
                "Pass more, or start a new run.",
            )  # fmt: skip


def _run_of(note: dict[str, Any]) -> dict[str, Any]:
    """The note of a checkpoint, every part of the type it must be."""
    run: dict[str, Any] = {
        "done": int(note["updates"]),
        "clipped": int(note["clipped"]),
        "history": [(int(done), float(loss)) for done, loss in note["history"]],
        "recent": [float(loss) for loss in note["recent"]],
        "evaluations": [(int(done), float(score)) for done, score in note["evaluations"]],
        "settings": dict(note["settings"]),
    }
    if run["done"] < 0:
        raise ValueError(f"updates is {run['done']}")
    return run


def _running(path: str | Path, tensors: dict[str, Array], network: Network) -> Network:
    """The network to go on with, of the best one's kind."""
    network = network.copy()
    for name, value in network.parameters().items():
        full = f"running.{name}"
        files.check_names(path, tensors, [full], KIND)
        value[...] = as_floats(full, tensors[full], value.shape, value.dtype)
    return network


def _past(
    path: str | Path, tensors: dict[str, Array], network: Network, settings: dict[str, Any]
) -> Past:
    """The time steps before the next chunk, checked; none where none were kept."""
    if not any(name.startswith("past.") for name in tensors):
        return []
    files.check_names(path, tensors, ["past.0.x"], KIND)
    n, past = len(tensors["past.0.x"]), []
    for number, wanted in enumerate(shapes(network, settings.get("batch", 0), n)):
        full = {name: f"past.{number}.{name}" for name in wanted}
        files.check_names(path, tensors, full.values(), KIND)
        past.append({
            name: as_floats(full[name], tensors[full[name]], shape, network.stack.dtype)
            for name, shape in wanted.items()
        })  # fmt: skip
    return past


def _optimiser_state(
    path: str | Path, tensors: dict[str, Array], network: Network
) -> dict[str, Array]:
    """Arrays "m.W_R", "v.W_R" .. of the shape and type of their parameters: all of a kind or none."""
    parameters, state = network.parameters(), {}
    prefix = "optimiser."
    kinds = {name[len(prefix)] for name in tensors if name.startswith(prefix)}
    if not kinds:
        raise FileError(
            str(path), KIND, "one without the optimiser's state",
            "The file is damaged: start a new run.",
        )  # fmt: skip
    for kind in sorted(kinds):
        for name, value in parameters.items():
            full = f"{prefix}{kind}.{name}"
            files.check_names(path, tensors, [full], KIND)
            state[f"{kind}.{name}"] = as_floats(full, tensors[full], value.shape, value.dtype)
    return state
