r"""Training: batch after batch, one weight change each, resumable bit for bit.

On text the state is carried from chunk to chunk and the gradient is cut between them: truncated
backpropagation through time with k1 = k2 = the chunk's length (Williams & Peng 1990). Labelled sequences
are seen whole.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bptt.data.series import Series
from bptt.data.text import Text
from bptt.errors import NonFiniteError, OptionError
from bptt.network import Network
from bptt.training.checkpoint import Checkpoint
from bptt.training.optimisers import Adam, Optimiser, clip_by_norm
from bptt.training.sources import SeriesSource, Source, State, TextSource, at_rest, final


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step.

    Attributes:
        done: steps done.
        steps: steps in all.
        loss: of the step, in ``unit``.
        unit: "bits" per character, "nats" or "squared".
        norm: the gradient's norm before clipping.
        clipped: steps so far at which clipping bound.
    """

    done: int
    steps: int
    loss: float
    unit: str
    norm: float
    clipped: int


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    Attributes:
        network: the trained network.
        score: on the held-out part.
        measure: what the score is: "bits per character", "accuracy" or "mean squared error".
        history: (step, training loss, averaged) pairs.
        clipped: fraction of steps at which clipping bound.
    """

    network: Network
    score: float
    measure: str
    history: list[tuple[int, float]]
    clipped: float


def train(
    network: Network,
    data: Text | Series,
    *,
    steps: int = 2000,
    length: int = 64,
    batch: int = 32,
    optimiser: Optimiser | None = None,
    clip: float | None = 1.0,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Train a copy of the network: to name the next character of a text, or a sequence's target.

    Args:
        network: of the sizes and the loss that the data need; it is not changed.
        data: what to learn.
        steps: weight changes in all.
        length: steps in time per chunk of text, how far back the gradient may reach.
        batch: streams of text, or sequences, side by side.
        optimiser: ``Adam(2e-3)`` if not given; its state is filled.
        clip: largest norm of the gradient; None never clips.
        seed: of the order in which sequences are drawn.
        checkpoint: file to keep the run in, so that it can be resumed.
        checkpoint_every: steps between two writes of it; it is written at the end as well.
        resume: go on with the run in ``checkpoint``.
        progress: called after every step.

    Raises:
        OptionError: if the network does not fit the data, or a setting is out of range or differs from
            that of the run to resume.
        NonFiniteError: if the loss or gradient stops being finite, naming the step.
        FileError: if the checkpoint cannot be read or written.
    """
    optimiser = optimiser or Adam(2e-3)
    _check(steps=steps, checkpoint_every=checkpoint_every, clip=clip)
    source: Source = (
        TextSource(data, length, batch)
        if isinstance(data, Text)
        else SeriesSource(data, batch, seed)
    )
    settings = source.settings | {
        "levels": network.describe()["levels"], "hidden": network.stack.outputs, "clip": clip,
        "optimiser": type(optimiser).__name__,
    } | {k: v for k, v in asdict(optimiser).items() if k != "state"}  # fmt: skip
    if resume and checkpoint is not None:
        run = Checkpoint.load(checkpoint)
        run.check_settings(settings, steps)
        optimiser.state.update(run.optimiser)
    else:
        begin = at_rest(network, source.batch)
        run = Checkpoint(network.copy(), optimiser.state, begin, 0, 0, [], [], settings)
    network, state, clipped = run.network, run.state, run.clipped
    source.check(network)
    history, recent = list(run.history), list(run.recent)
    for n in range(run.done, steps):
        E, state, norm = _one_step(network, source, n, state, optimiser, clip)
        clipped += clip is not None and norm > clip
        recent.append(E / source.scale)
        if (n + 1) % 50 == 0 or n + 1 == steps:
            history.append((n + 1, float(np.mean(recent))))
            recent.clear()
        if progress:
            progress(Progress(n + 1, steps, E / source.scale, source.unit, norm, clipped))
        last = n + 1 == steps
        if checkpoint is not None and (last or (n + 1) % checkpoint_every == 0):
            Checkpoint(
                network, optimiser.state, state, n + 1, clipped, history, recent, settings
            ).save(checkpoint, source.notes)
    return Result(network, source.score(network), source.measure, history, clipped / max(1, steps))


def _one_step(
    network: Network,
    source: Source,
    n: int,
    state: State,
    optimiser: Optimiser,
    clip: float | None,
) -> tuple[float, State, float]:
    """One weight change: loss in nats or squares, the state to carry on, the gradient's norm."""
    arguments = source.arguments(network, n, state)
    run = network.run(**arguments)
    everything = network.backward(run)
    # the initial states are carried in or zero, they are no parameters
    grads = {name: everything[name] for name in network.parameters()}
    norm = clip_by_norm(grads, clip)
    if not np.isfinite(run.E) or not np.isfinite(norm):
        raise NonFiniteError(
            f"step {n + 1}", "a finite loss and gradient", f"loss {run.E}, gradient norm {norm}",
            "Lower the learning rate or clip the gradient (clip=1.0).",
        )  # fmt: skip
    optimiser.step(network.parameters(), grads, n + 1)
    return run.E, final(run) if "h0" in arguments else state, norm


def _check(**settings: Any) -> None:
    for name in ("steps", "checkpoint_every"):
        if settings[name] < 1:
            raise OptionError(name, "a number from 1", str(settings[name]), "Give at least 1.")
    clip = settings["clip"]
    if clip is not None and not clip > 0:
        raise OptionError("clip", "a positive norm, or None", str(clip), "1.0 is usual.")
