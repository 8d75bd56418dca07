r"""Training: batch after batch, one weight update each, resumable bit for bit.

On text the state is carried from chunk to chunk: truncated backpropagation through time BPTT(k1, k2) with k1 =
``length`` and k2 = ``window`` (Williams & Peng 1990). Labelled sequences, and those of a task, are seen whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bptt.arrays import as_whole
from bptt.data import Series, Text
from bptt.data.tasks import Task
from bptt.errors import DivergenceError, NonFiniteError, OptionError
from bptt.network import Network
from bptt.optimisers import Adam, Optimiser
from bptt.training.checked import checked, tail_of
from bptt.training.checkpoint import Checkpoint
from bptt.training.curriculum import Curriculum
from bptt.training.divergence import check_finite, left
from bptt.training.schedules import Constant, Schedule
from bptt.training.sources import Source, source_of
from bptt.training.states import at_rest
from bptt.training.stopping import Reason, Scores, Stopping, as_until
from bptt.training.update import Update

MEAN = 50  # updates that an entry of the history is the mean of


@dataclass(frozen=True)
class Progress:
    """Where a run stands after an update.

    Attributes:
        done: updates made so far.
        updates: updates in all.
        loss: of the last update's batch, in ``unit``.
        unit: "bits" per character, "nats" or "squared".
        norm: norm of its gradient before clipping.
        clipped: updates so far in which clipping was active.
    """

    done: int
    updates: int
    loss: float
    unit: str
    norm: float
    clipped: int


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    Attributes:
        network: the trained network; with ``patience`` the best of those that were scored.
        score: its score on the held-out part.
        measure: what the score is: "bits per character", "accuracy" or "mean squared error".
        history: (updates made, mean training loss since the pair before) pairs.
        clipped: fraction of the updates in which clipping was active.
        updates: how many were made.
        evaluations: (updates made, score) pairs, with ``evaluate_every``.
        stopped: why it ended: "updates", all were made; "patience", no new best score for that long; "until",
            the score was reached.
    """

    network: Network
    score: float
    measure: str
    history: list[tuple[int, float]]
    clipped: float
    updates: int
    evaluations: Scores
    stopped: Reason


def train(
    network: Network,
    data: Text | Series | Task,
    *,
    updates: int = 2000,
    length: int = 64,
    window: int | None = None,
    batch: int = 32,
    optimiser: Optimiser | None = None,
    schedule: Schedule | None = None,
    clip: float | None = 1.0,
    omega: float = 0.0,
    curriculum: Curriculum | None = None,
    seed: int = 0,
    evaluate_every: int | None = None,
    patience: int | None = None,
    until: float | str | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Train a copy of the network: to name the next character of a text, or a sequence's target.

    Args:
        network: of the sizes and the loss that the data need; it is not changed.
        data: what to learn.
        updates: weight updates, at most.
        length: k1, for text: time steps from one update to the next.
        window: k2, for text: how many time steps the gradient of these k1 losses may reach back; k1 if not
            given, and the gradient is cut between chunks.
        batch: batch size: sequences, or streams of text, per update.
        optimiser: ``Adam(2e-3)`` if not given; its state is filled.
        schedule: multiplies the learning rate from update to update; constant if not given.
        clip: largest norm of the gradient; None never clips.
        omega: λ, the weight of Pascanu's regulariser Ω, for plain RNN layers (``bptt.regularisers.omega``).
        curriculum: the length of a task's sequences from update to update; the task's own if not given.
            What is scored is always the task's own length.
        seed: of the order in which sequences are drawn, and the lengths of a curriculum.
        evaluate_every: updates between two scores on the held-out part; None scores at the end alone.
        patience: stop after so many scores in a row without a new best, and return the best.
        until: stop at this score; "solved" is a task's own.
        checkpoint: file to keep the run in, so that it can be resumed.
        checkpoint_every: updates between two writes of it; it is written at the end as well.
        resume: go on with the run in ``checkpoint``.
        progress: called after every update.

    Raises:
        OptionError: if the network does not fit the data, or a setting is out of range or differs from
            that of the run to resume.
        DivergenceError: if loss, gradient or weights stop being finite: at which update, in which
            parameter, at which lag, and which checkpoint is left.
        FileError: if the checkpoint cannot be read or written.
    """
    updates = as_whole("updates", updates, least=1)
    checkpoint_every = as_whole("checkpoint_every", checkpoint_every, least=1)
    length = as_whole("length", length, least=1)
    optimiser = optimiser or Adam(2e-3)
    source = source_of(data, length=length, batch=batch, seed=seed, curriculum=curriculum)
    source.check(network)
    clip, omega = checked(network, clip, omega)
    stopping = Stopping(
        evaluate_every, patience, as_until(until, data), source.measure == "accuracy"
    )
    tail = tail_of(window, length, isinstance(data, Text))
    update = Update(source, optimiser, schedule or Constant(), clip, omega, tail)
    settings = source.settings | update.settings | stopping.settings | {
        "levels": network.describe()["levels"], "hidden": network.stack.outputs,
    }  # fmt: skip
    if resume and checkpoint is None:
        raise OptionError(
            "checkpoint", "the file of the run to resume", "None", "Pass it, or leave resume out."
        )
    if resume and checkpoint is not None:
        run = Checkpoint.load(checkpoint)
        run.check_settings(settings, updates)
        optimiser.state.update(run.optimiser)
        run.optimiser = optimiser.state
    else:
        run = Checkpoint(
            network.copy(), optimiser.state, at_rest(network, source.batch), settings=settings
        )
    stopped = _go_on(run, update, stopping, updates, checkpoint, checkpoint_every, progress)
    score = run.best_score(stopping)
    if score is None:
        score = _score(run, source, run.network, run.done if checkpoint else None, checkpoint)
    return Result(
        run.best or run.network, score, source.measure, run.history, run.clipped / max(1, run.done),
        run.done, run.evaluations, stopped,
    )  # fmt: skip


def _go_on(
    run: Checkpoint,
    update: Update,
    stopping: Stopping,
    updates: int,
    path: str | Path | None,
    checkpoint_every: int,
    progress: Callable[[Progress], None] | None,
) -> Reason:
    """From where a run stands to its end; the run is changed."""
    source, saved = update.source, run.done if path is not None and run.done else None
    while (stopped := stopping.reason(run.evaluations)) is None and run.done < updates:
        E, norm = update(run, left(path, saved))
        run.done += 1
        run.clipped += update.clip is not None and norm > update.clip
        run.recent.append(E / source.scale)
        if run.done % MEAN == 0 or run.done == updates:
            run.history.append((run.done, float(np.mean(run.recent))))
            run.recent.clear()
        if progress:
            progress(Progress(run.done, updates, E / source.scale, source.unit, norm, run.clipped))
        if stopping.every is not None and run.done % stopping.every == 0:
            run.evaluations.append((run.done, _score(run, source, run.network, saved, path)))
            if stopping.patience and stopping.best(run.evaluations) == len(run.evaluations) - 1:
                run.best = run.network.copy()
        if path is not None and run.done % checkpoint_every == 0:
            saved = _save(run, source, path, saved)
    if path is not None and run.done != saved:
        _save(run, source, path, saved)
    return stopped or "updates"


def _save(run: Checkpoint, source: Source, path: str | Path, saved: int | None) -> int:
    check_finite(run.network, run.optimiser, run.done, left(path, saved))
    run.save(path, source.notes)
    return run.done


def _score(
    run: Checkpoint, source: Source, network: Network, saved: int | None, path: str | Path | None
) -> float:
    check_finite(network, run.optimiser, run.done, left(path, saved))
    try:
        return source.score(network)
    except NonFiniteError as error:
        raise DivergenceError(
            f"update {run.done}", "a finite score", f"an overflow on the held-out part ({error})",
            f"Lower the learning rate.{left(path, saved)}", update=run.done,
        ) from error  # fmt: skip
