"""What a training step reads, and how a trained network is scored: streams of text, or sequences.

A source gives the batch of step n. The batch is a function of n alone (and of the state carried from the
chunk before), so that a resumed run reads what it would have read.
"""

from typing import Any, Protocol

import numpy as np

from bptt.arrays import Array
from bptt.data.series import Series
from bptt.data.text import Text, chunk, streams
from bptt.errors import OptionError
from bptt.layers import Bidirectional
from bptt.network import Network, Run

State = list[tuple[Array, ...]]  # (h,) or (h, c) per layer, each (B, H)
BITS = float(np.log(2.0))  # nats in a bit


class Source(Protocol):
    """Where batches come from.

    Attributes:
        batch: sequences side by side.
        unit: what a loss is counted in, times ``scale`` nats (or squares).
        scale: of the unit.
        measure: what ``score`` is.
        settings: what must be the same for a run to be resumed.
        notes: what a saved network says of its data.
    """

    batch: int
    unit: str
    scale: float
    measure: str
    settings: dict[str, Any]
    notes: dict[str, str]

    def arguments(self, network: Network, n: int, state: State) -> dict[str, Any]:
        """The arguments of ``network.run`` for step n, from 0."""
        ...

    def score(self, network: Network) -> float:
        """The network on the held-out part."""
        ...

    def check(self, network: Network) -> None:
        """Refuse a network that does not fit."""
        ...


class TextSource:
    """Chunks of streams of text; the state is carried from chunk to chunk."""

    unit, scale, measure = "bits", BITS, "bits per character"

    def __init__(self, text: Text, length: int, batch: int) -> None:
        self.text, self.length, self.batch = text, length, batch
        self.stream = streams(text.train, batch)
        chunk(self.stream, length, 0)  # refuses a length that does not fit
        self.settings = {"text": text.fingerprint, "length": length, "batch": batch}
        self.notes = {"characters": text.characters, "data": text.name}

    def arguments(self, network: Network, n: int, state: State) -> dict[str, Any]:
        """The n-th chunk, with the state carried unless the text starts (again) there."""
        codes, targets, start = chunk(self.stream, self.length, n)
        x = self.text.one_hot(codes, network.stack.dtype)
        return carried(network, x, targets, at_rest(network, self.batch) if start else state)

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
                "Make it with inputs=outputs=len(text.characters).",
            )  # fmt: skip
        if network.loss != "cross_entropy" or network.loss_at != "every":
            raise OptionError(
                "network", "cross-entropy at every step", f"{network.loss} at {network.loss_at}",
                "Text is learnt by naming the next character at every step.",
            )  # fmt: skip
        if any(isinstance(level, Bidirectional) for level in network.stack.levels):
            raise OptionError(
                "network", "layers that run forward only", "a bidirectional level",
                "Running backward it would read the characters that it must name.",
            )  # fmt: skip


class SeriesSource:
    """Sequences drawn at random, anew for every step; states start from zero."""

    def __init__(self, series: Series, batch: int, seed: int = 0) -> None:
        B = len(series.train.lengths)
        if not 1 <= batch:
            raise OptionError("batch", "a number from 1", str(batch), "Give at least one.")
        self.series, self.batch, self.seed = series, min(batch, B), seed
        self.unit, self.scale = (
            ("nats", 1.0) if series.loss == "cross_entropy" else ("squared", 1.0)
        )
        self.measure = "accuracy" if series.loss == "cross_entropy" else "mean squared error"
        self.settings = {"data": series.fingerprint, "batch": self.batch, "data_seed": seed}
        self.notes = {"data": series.name}

    def arguments(self, network: Network, n: int, state: State) -> dict[str, Any]:
        """The sequences of step n."""
        chosen = np.random.default_rng([self.seed, n]).permutation(len(self.series.train.lengths))
        return self.series.train.part(chosen[: self.batch]).arguments(network.stack.dtype)

    def score(self, network: Network) -> float:
        """Accuracy on the held-out part, or its mean squared error."""
        held, right, total, E, weight = self.series.held_out, 0, 0, 0.0, 0
        for first in range(0, len(held.lengths), 64):
            part = held.part(slice(first, first + 64))
            run = network.run(**part.arguments(network.stack.dtype))
            counts = int(part.lengths.sum()) if part.per_step else len(part.lengths)
            E, weight = E + run.E * counts, weight + counts
            guess, targets = run.o.argmax(-1), part.targets.reshape(-1, len(part.lengths))
            if self.series.loss == "cross_entropy":
                counted = np.ones(guess.shape, bool)
                if len(guess) > 1:
                    counted = np.arange(len(guess))[:, None] < part.lengths
                right += int((guess == targets)[counted].sum())
                total += int(counted.sum())
        return right / total if total else E / weight

    def check(self, network: Network) -> None:
        """Refuse a network of other sizes or another loss.

        Raises:
            OptionError: saying why.
        """
        s = self.series
        wanted = (s.inputs, s.outputs, s.loss, s.loss_at)
        got = (network.stack.inputs, len(network.b_O), network.loss, network.loss_at)
        if wanted != got:
            raise OptionError(
                "network", f"(inputs, outputs, loss, loss_at) = {wanted}", str(got),
                "Make it for these data, or diagnose it on its own.",
            )  # fmt: skip


def at_rest(network: Network, batch: int) -> State:
    """Zero states of every layer."""
    return [layer.initial_state(batch, None, None) for layer in network.stack.layers]


def carried(network: Network, x: Array, targets: Array, state: State) -> dict[str, Any]:
    """The arguments of ``network.run`` with states carried in."""
    h0: Any = [part[0] for part in state]
    c0: Any = [part[1] if len(part) == 2 else None for part in state]
    if len(state) == 1:
        (h0,), (c0,) = h0, c0
    return {"x": x, "targets": targets, "h0": h0, "c0": c0}


def final(run: Run) -> State:
    """The states after the last step."""
    return [tuple(part[-1] for part in trace.states) for trace in run.stack_trace.traces]


def bits_per_character(network: Network, text: Text, batch: int = 8) -> float:
    """Mean bits per character on the held-out part, state carried from its beginning to its end.

    Raises:
        ShapeError: if the network does not fit the text.
    """
    stream = streams(text.held_out, min(batch, len(text.held_out) // 2))
    state = at_rest(network, stream.shape[1])
    total, length = 0.0, 256
    for first in range(0, len(stream) - 1, length):
        codes = stream[first : first + length + 1]
        x = text.one_hot(codes[:-1], network.stack.dtype)
        run = network.run(**carried(network, x, codes[1:], state))
        total, state = total + run.E * (len(codes) - 1), final(run)
    return total / (len(stream) - 1) / BITS
