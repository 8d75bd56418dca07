"""Every remedy tried on a copy of the model, measured again on the same batch, and ranked.

A network learns what lies k steps back through a gradient that reaches it there and a state that holds it, once its
weights have moved the right way. The first two are measured before any training, and training changes both; the
third is a short training. The order, best first:

    1. the loss of the trial, on a scale with steps of 5 %: losses on one step count as equal
    2. a gradient that is steady at the needed lag before one that is not, then by how little it is changed
    3. R² of the input of that lag, read linearly off the state

Without a trial 2 and 3 decide alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from bptt.cells.initialise import random_generator
from bptt.diagnosis import Diagnosis
from bptt.errors import BpttError, OptionError
from bptt.remedies.catalogue import Remedy, chosen
from bptt.remedies.change import Change
from bptt.remedies.subject import Subject
from bptt.remedies.trial import Settings, Trial

UNCHANGED = "as it is"
EQUAL = 0.05  # steps of the scale of losses, in ln
CANDIDATES = 6  # that are trained, of those that change the network


@dataclass(frozen=True, eq=False)
class Tried:
    """A remedy, tried.

    Attributes:
        name: of the remedy; "as it is" for the model without one.
        does: what it does.
        source: who proposed it.
        said: what it changed, a sentence each.
        subject: the changed copy.
        settings: how it is to be trained.
        changes: the settings that are other than before, by name.
        diagnosis: of the copy, on the same batch.
        trial: the short training, or None.
        seconds: that the change took to make.
    """

    name: str
    does: str
    source: str
    said: tuple[str, ...]
    subject: Subject
    settings: Settings
    changes: dict[str, Any]
    diagnosis: Diagnosis
    trial: Trial | None
    seconds: float

    @property
    def log10_attenuation(self) -> float:
        """Signal at the needed lag over that at lag 0, log10, of the layer that decides."""
        return self.diagnosis.decisive.log10_attenuation

    @property
    def remembered(self) -> float:
        """R² of the input of the needed lag, read off the state; NaN where it could not be measured."""
        lag, memory = self.diagnosis.decisive.needed_lag, self.diagnosis.memory
        if memory is None or lag >= len(memory.r2):
            return float("nan")
        return float(memory.r2[lag])


def order(tried: Tried) -> tuple[float, ...]:
    """The key to sort by, best first."""
    loss = float("inf")
    if tried.trial is not None:
        loss = tried.trial.loss
    rank = np.round(np.log(loss) / EQUAL) if loss > 0 else -np.inf
    remembered = 0.0 if np.isnan(tried.remembered) else tried.remembered
    return (
        float(rank),
        tried.diagnosis.decisive.verdict != "steady",
        float(np.round(abs(tried.log10_attenuation), 1)),
        -remembered,
    )


def try_remedies(
    subject: Subject,
    *,
    only: Sequence[str] | None = None,
    candidates: int = CANDIDATES,
    rng: np.random.Generator | int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[list[Tried], list[tuple[str, str]]]:
    """Try remedies on copies of a model.

    Args:
        subject: the model on its batch; it is not changed. ``subject.settings`` says how trials train.
        only: names of remedies; all of them if None.
        candidates: of those that change the network, how many are trained: the best by reach and memory.
        rng: of the weights that are drawn.
        progress: called with (done, of, what is being done).

    Returns:
        the model as it is and every remedy that applies, best first, and (name, why not) of the others.

    Raises:
        OptionError: if a name is unknown, or nothing that was asked for applies.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit the model.
    """
    remedies = chosen(None if only is None else list(only))
    if candidates < 1:
        raise OptionError("candidates", "a number from 1", str(candidates), "Train at least one.")
    training = subject.settings.updates > 0
    total = 1 + len(remedies) + training * (1 + min(candidates, len(remedies)))
    done = 0

    def tell(what: str) -> None:
        nonlocal done
        if progress:
            progress(done, total, what)
        done += 1

    tell(UNCHANGED)
    found = [_measured(UNCHANGED, "nothing changed", "", Change(()), subject, 0.0)]
    refused = []
    generator = random_generator(rng)
    for remedy in remedies:
        tell(remedy.name)
        try:
            found.append(_tried(remedy, subject, generator))
        except BpttError as error:  # whatever goes wrong with a changed copy is said, not fatal
            refused.append((remedy.name, str(error)))
    if len(found) == 1:
        raise OptionError(
            "only", "a remedy that applies", "; ".join(f"{n}: {why}" for n, why in refused),
            "Choose others.",
        )  # fmt: skip
    if training:
        picked = _to_train(found, candidates)
        total = done + len(picked)
        for number in picked:
            tell(f"training: {found[number].name}")
            tried = found[number]
            found[number] = replace(tried, trial=tried.subject.train(tried.settings))
    if progress:
        progress(total, total, "done")
    return sorted(found, key=order), refused


def _tried(remedy: Remedy, subject: Subject, rng: np.random.Generator) -> Tried:
    began = perf_counter()
    change = remedy.make(subject, rng)
    seconds = perf_counter() - began
    changed = subject if change.layers is None else subject.changed(change.layers)
    return _measured(remedy.name, remedy.does, remedy.source, change, changed, seconds)


def _measured(
    name: str, does: str, source: str, change: Change, subject: Subject, seconds: float
) -> Tried:
    settings = replace(subject.settings, **change.settings)
    return Tried(
        name, does, source, change.said, subject, settings, change.settings, subject.diagnose(),
        None, seconds,
    )  # fmt: skip


def _to_train(found: list[Tried], candidates: int) -> list[int]:
    """The model as it is, what changes the training alone, and the best of the others."""
    others = [n for n, tried in enumerate(found) if n and not tried.changes]
    best = sorted(others, key=lambda n: order(found[n]))[:candidates]
    return [0, *(n for n, tried in enumerate(found) if tried.changes), *best]
