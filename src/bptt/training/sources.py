"""What a weight update reads, and how a trained network is scored: streams of text, or sequences.

A source gives the batch of update n. The batch is a function of n alone (and of the state carried from the
chunk before), so that a resumed run reads what it would have read.
"""

import hashlib
from typing import Any, Protocol

import numpy as np

from bptt.arrays import as_whole
from bptt.data.series import Batch, Series
from bptt.data.tasks import Task
from bptt.data.text import Text, chunk, streams
from bptt.errors import OptionError
from bptt.layers import Bidirectional
from bptt.network import Network
from bptt.network.losses import as_loss_at
from bptt.training.curriculum import Curriculum
from bptt.training.scores import BITS, bits_per_character, held_out, score_sequences
from bptt.training.states import State, at_rest, carried, reading


class Source(Protocol):
    """Where batches come from.

    Attributes:
        batch: batch size.
        epoch: updates in which all of the data are gone through once; infinite where every update draws anew.
        unit: what a loss is counted in, times ``scale`` nats (or squares).
        scale: of the unit.
        measure: what ``score`` is.
        settings: what must be the same for a run to be resumed.
        notes: what a saved network says of its data.
    """

    batch: int
    epoch: float
    unit: str
    scale: float
    measure: str
    settings: dict[str, Any]
    notes: dict[str, str]

    def arguments(self, network: Network, n: int, state: State) -> dict[str, Any]:
        """The arguments of ``network.run`` for update n, from 0."""
        ...

    def starts(self, n: int) -> bool:
        """Whether the sequences of update n, from 0, start from rest: nothing is carried into them."""
        ...

    def fitted(self, network: Network, n: int) -> Network:
        """The network with its loss at the time steps where update n, from 0, has it."""
        ...

    def score(self, network: Network) -> float:
        """The network on the held-out part."""
        ...

    def check(self, network: Network) -> None:
        """Refuse a network that does not fit."""
        ...


UNITS = {"cross_entropy": ("nats", "accuracy"), "mse": ("squared", "mean squared error")}


class TextSource:
    """Chunks of streams of text; the state is carried from chunk to chunk."""

    unit, scale, measure = "bits", BITS, "bits per character"

    def __init__(self, text: Text, length: int, batch: int) -> None:
        self.text, self.length, self.batch = text, length, batch
        self.stream = streams(text.train, batch)
        self.epoch = len(text.train) / (length * batch)
        chunk(self.stream, length, 0)  # refuses a length that does not fit
        self.settings = {"text": text.fingerprint, "length": length, "batch": batch}
        self.notes = {"characters": text.characters, "data": text.name}

    def arguments(self, network: Network, n: int, state: State) -> dict[str, Any]:
        """The n-th chunk, with the state carried unless the text starts (again) there."""
        codes, targets, start = chunk(self.stream, self.length, n)
        return carried(codes, targets, at_rest(network, self.batch) if start else state)

    def starts(self, n: int) -> bool:
        """Where the text starts (again)."""
        return chunk(self.stream, self.length, n)[2]

    def fitted(self, network: Network, n: int) -> Network:
        """The network itself."""
        return network

    def score(self, network: Network) -> float:
        """Bits per character on the held-out part."""
        return bits_per_character(network, self.text)

    def check(self, network: Network) -> None:
        """Refuse a network that does not name the next character of this text.

        Raises:
            OptionError: saying why.
        """
        characters = len(self.text.characters)
        sizes = (network.stack.inputs, len(network.b_O))
        if sizes != (characters, characters):
            raise OptionError(
                "network", f"{characters} inputs and outputs, one per character",
                f"{sizes[0]} and {sizes[1]}",
                "Make one with inputs=outputs=len(text.characters).",
            )  # fmt: skip
        if network.loss != "cross_entropy" or network.loss_at != "every":
            raise OptionError(
                "network", "cross-entropy at every step", f"{network.loss} at {network.loss_at}",
                "Make one with loss='cross_entropy' and loss_at='every'.",
            )  # fmt: skip
        if any(isinstance(level, Bidirectional) for level in network.stack.levels):
            raise OptionError(
                "network", "layers that run forward only", "a bidirectional level",
                "Use layers that run forward: backward layers would read the characters that are to be predicted.",
            )  # fmt: skip


class SeriesSource:
    """Sequences of a set, drawn at random for every update; states start from zero."""

    scale = 1.0

    def __init__(self, series: Series, batch: int, seed: int = 0) -> None:
        self.series, self.batch, self.seed = series, min(batch, len(series.train.lengths)), seed
        self.epoch = len(series.train.lengths) / self.batch
        self.unit, self.measure = UNITS[series.loss]
        self.settings = {"data": series.fingerprint, "batch": self.batch, "data_seed": seed}
        self.notes = {"data": series.name}

    def arguments(self, network: Network, n: int, state: State) -> dict[str, Any]:
        """The sequences of update n."""
        chosen = np.random.default_rng([self.seed, n]).permutation(len(self.series.train.lengths))
        return self.series.train.part(chosen[: self.batch]).arguments(network.stack.dtype)

    def starts(self, n: int) -> bool:
        """Always."""
        return True

    def fitted(self, network: Network, n: int) -> Network:
        """The network itself."""
        return network

    def score(self, network: Network) -> float:
        """Accuracy on the held-out part, or its mean squared error."""
        held = self.series.held_out
        parts = (held.part(slice(i, i + 64)) for i in range(0, len(held.lengths), 64))
        return score_sequences(network, parts)

    def check(self, network: Network) -> None:
        """Refuse a network of other sizes or another loss.

        Raises:
            OptionError: saying why.
        """
        _check_fits(network, self.series)


class TaskSource:
    """Sequences of a task, drawn anew for every update; states start from zero.

    Args:
        task: what is to be learnt, at the length it is scored at.
        batch: batch size.
        seed: the sequences of update n are drawn from the generator seeded [seed, n].
        curriculum: the length at every update; the task's own if not given.

    Raises:
        OptionError: if the task has no such lengths.
    """

    scale = 1.0

    def __init__(
        self, task: Task, batch: int, seed: int = 0, curriculum: Curriculum | None = None
    ) -> None:
        for length in () if curriculum is None else curriculum.lengths:
            try:
                task.at(length)
            except OptionError as error:
                raise OptionError(
                    "curriculum",
                    f"lengths of the task, each {error.expected}",
                    error.got,
                    error.cure,
                ) from error
        self.task, self.batch, self.seed, self.curriculum = task, batch, seed, curriculum
        self.epoch = task.sequences / batch
        self.unit, self.measure = UNITS[task.loss]
        digest = hashlib.sha256(task.batch(2, np.random.default_rng(0)).x.tobytes())
        self.settings = {
            "task": f"{task.name} {task.length} {digest.hexdigest()[:16]}",
            "batch": batch,
            "data_seed": seed,
            "curriculum": None if curriculum is None else repr(curriculum),
        }
        self.notes = {"data": task.name, "length": str(task.length)}
        self._held_out: list[Batch] = []

    def at(self, n: int) -> Task:
        """The task at the length of update n, from 0."""
        if self.curriculum is None:
            return self.task
        return self.task.at(self.curriculum.length(n, self.seed))

    def arguments(self, network: Network, n: int, state: State) -> dict[str, Any]:
        """The sequences of update n."""
        drawn = self.at(n).batch(self.batch, np.random.default_rng([self.seed, n]))
        return drawn.arguments(network.stack.dtype)

    def starts(self, n: int) -> bool:
        """Always."""
        return True

    def fitted(self, network: Network, n: int) -> Network:
        """The network with its loss where a sequence of update n's length has it."""
        return network if self.curriculum is None else reading(network, self.at(n).loss_at)

    def score(self, network: Network) -> float:
        """Accuracy or mean squared error on some hundred sequences of the task's own length."""
        self._held_out = self._held_out or list(held_out(self.task))
        return score_sequences(network, self._held_out)

    def check(self, network: Network) -> None:
        """Refuse a network of other sizes or another loss.

        Raises:
            OptionError: saying why.
        """
        _check_fits(network, self.task)


def source_of(
    data: Text | Series | Task,
    *,
    length: int = 64,
    batch: int = 32,
    seed: int = 0,
    curriculum: Curriculum | None = None,
) -> Source:
    """The source that goes with the data.

    Args:
        data: a text, labelled sequences or a task.
        length: of text: time steps per chunk.
        batch: batch size.
        seed: of the order in which sequences are drawn; a text is read in its own.
        curriculum: the length of a task's sequences at every update.

    Raises:
        OptionError: if a number is out of range, or a curriculum is given to data of one length.
    """
    batch, seed = as_whole("batch", batch, least=1), as_whole("seed", seed, least=0)
    if isinstance(data, Task):
        return TaskSource(data, batch, seed, curriculum)
    if curriculum is not None:
        raise OptionError(
            "curriculum", "a task, which can be drawn at any length", type(data).__name__,
            "Leave it out; for text, length says how far back the gradient reaches.",
        )  # fmt: skip
    return (
        TextSource(data, as_whole("length", length, least=1), batch)
        if isinstance(data, Text)
        else SeriesSource(data, batch, seed)
    )


def _check_fits(network: Network, data: Series | Task) -> None:
    at = as_loss_at(data.loss_at)
    wanted = (data.inputs, data.outputs, data.loss, at)
    got = (network.stack.inputs, len(network.b_O), network.loss, network.loss_at)
    if wanted != got:
        raise OptionError(
            "network", f"(inputs, outputs, loss, loss_at) = {wanted}", str(got),
            "Make one for these data.",
        )  # fmt: skip
