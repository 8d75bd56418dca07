r"""Training on text: chunks of a stream, state carried across them, gradient cut between them.

This is truncated backpropagation through time with k1 = k2 = the chunk's length (Williams & Peng
1990): every weight change sees at most that many steps back.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.data.text import Text, chunk, streams
from bptt.errors import NonFiniteError, OptionError
from bptt.layers import Bidirectional
from bptt.network import Network, Run
from bptt.training.checkpoint import Checkpoint, State
from bptt.training.optimisers import Adam, Optimiser, clip_by_norm

BITS = float(np.log(2.0))  # nats in a bit


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step.

    Attributes:
        done: steps done.
        steps: steps in all.
        bits: loss of the step in bits per character.
        norm: the gradient's norm before clipping.
        clipped: steps so far at which clipping bound.
    """

    done: int
    steps: int
    bits: float
    norm: float
    clipped: int


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    Attributes:
        network: the trained network.
        held_out_bits: bits per character on the held-out part.
        history: (step, bits per character of the training loss, averaged) pairs.
        clipped: fraction of steps at which clipping bound.
    """

    network: Network
    held_out_bits: float
    history: list[tuple[int, float]]
    clipped: float


def train(
    network: Network,
    text: Text,
    *,
    steps: int = 2000,
    length: int = 64,
    batch: int = 32,
    optimiser: Optimiser | None = None,
    clip: float | None = 1.0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Train a copy of the network to name the next character.

    Args:
        network: with one input and one output per character; it is not changed.
        text: what to learn.
        steps: weight changes in all.
        length: steps in time per chunk, how far back the gradient may reach.
        batch: streams side by side.
        optimiser: ``Adam(2e-3)`` if not given; its state is filled.
        clip: largest norm of the gradient; None never clips.
        checkpoint: file to keep the run in, so that it can be resumed.
        checkpoint_every: steps between two writes of it; it is written at the end as well.
        resume: go on with the run in ``checkpoint``.
        progress: called after every step.

    Raises:
        OptionError: if the network does not fit the text, or a setting is out of range or differs from
            that of the run to resume.
        NonFiniteError: if the loss or gradient stops being finite, naming the step.
        FileError: if the checkpoint cannot be read or written.
    """
    optimiser = optimiser or Adam(2e-3)
    _check(network, text, steps=steps, checkpoint_every=checkpoint_every, clip=clip)
    stream = streams(text.train, batch)
    settings = {
        "text": text.fingerprint, "levels": network.describe()["levels"],
        "hidden": network.stack.outputs, "length": length, "batch": batch, "clip": clip, "optimiser": type(optimiser).__name__,
    } | {k: v for k, v in asdict(optimiser).items() if k != "state"}  # fmt: skip
    notes = {"characters": text.characters, "text": text.name}
    if resume and checkpoint is not None:
        run = Checkpoint.load(checkpoint)
        run.check_settings(settings, steps)
        optimiser.state.update(run.optimiser)
    else:
        begin = at_rest(network, batch)
        run = Checkpoint(network.copy(), optimiser.state, begin, 0, 0, [], [], settings)
    network, state, clipped = run.network, run.state, run.clipped
    history, recent = list(run.history), list(run.recent)
    for n in range(run.done, steps):
        E, state, norm = _one_step(network, text, stream, length, n, state, optimiser, clip)
        clipped += clip is not None and norm > clip
        recent.append(E / BITS)
        if (n + 1) % 50 == 0 or n + 1 == steps:
            history.append((n + 1, float(np.mean(recent))))
            recent.clear()
        if progress:
            progress(Progress(n + 1, steps, E / BITS, norm, clipped))
        last = n + 1 == steps
        if checkpoint is not None and (last or (n + 1) % checkpoint_every == 0):
            Checkpoint(
                network, optimiser.state, state, n + 1, clipped, history, recent, settings
            ).save(checkpoint, notes)
    bits = bits_per_character(network, text)
    return Result(network, bits, history, clipped / max(1, steps))


def _one_step(
    network: Network,
    text: Text,
    stream: Array,
    length: int,
    n: int,
    state: State,
    optimiser: Optimiser,
    clip: float | None,
) -> tuple[float, State, float]:
    """One weight change: loss in nats, the state to carry on, the gradient's norm."""
    codes, targets, start = chunk(stream, length, n)
    x = text.one_hot(codes, network.stack.dtype)
    run = _run(network, x, targets, at_rest(network, x.shape[1]) if start else state)
    everything = network.backward(run)
    # the initial state is carried in from the chunk before, it is no parameter
    grads = {name: everything[name] for name in network.parameters()}
    norm = clip_by_norm(grads, clip)
    if not np.isfinite(run.E) or not np.isfinite(norm):
        raise NonFiniteError(
            f"step {n + 1}", "a finite loss and gradient", f"loss {run.E}, gradient norm {norm}",
            "Lower the learning rate or clip the gradient (clip=1.0).",
        )  # fmt: skip
    optimiser.step(network.parameters(), grads, n + 1)
    return run.E, _final(run), norm


def at_rest(network: Network, batch: int) -> State:
    """Zero states of every layer."""
    return [layer.initial_state(batch, None, None) for layer in network.stack.layers]


def _run(network: Network, x: Array, targets: Array, state: State) -> Run:
    h0 = [part[0] for part in state]
    c0 = [part[1] if len(part) == 2 else None for part in state]
    if len(state) == 1:
        return network.run(x, targets, h0[0], c0=c0[0])
    return network.run(x, targets, h0, c0=c0)


def _final(run: Run) -> State:
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
        run = _run(network, text.one_hot(codes[:-1], network.stack.dtype), codes[1:], state)
        total, state = total + run.E * (len(codes) - 1), _final(run)
    return total / (len(stream) - 1) / BITS


def _check(network: Network, text: Text, **settings: Any) -> None:
    I, O, characters = network.stack.inputs, len(network.b_O), len(text.characters)
    if (I, O) != (characters, characters):
        raise OptionError(
            "network", f"{characters} inputs and outputs, one per character", f"{I} and {O}",
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
    for name in ("steps", "checkpoint_every"):
        if settings[name] < 1:
            raise OptionError(name, "a number from 1", str(settings[name]), "Give at least 1.")
    clip = settings["clip"]
    if clip is not None and not clip > 0:
        raise OptionError("clip", "a positive norm, or None", str(clip), "1.0 is usual.")
