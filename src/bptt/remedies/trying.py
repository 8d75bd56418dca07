"""Every remedy tried on a copy of the model, measured again on the same batch, and ranked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from bptt.arrays import as_whole
from bptt.cells.initialise import random_generator
from bptt.errors import BpttError, OptionError
from bptt.remedies.catalogue import Remedy, chosen
from bptt.remedies.change import Change
from bptt.remedies.ranking import Ranking
from bptt.remedies.subject import Subject
from bptt.remedies.trial import Trial
from bptt.remedies.tried import UNCHANGED, Tried, order

CANDIDATES = 6  # that are trained, of those that change the network


def try_remedies(
    subject: Subject,
    *,
    only: Sequence[str] | None = None,
    candidates: int = CANDIDATES,
    rng: np.random.Generator | int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Ranking:
    """Try remedies on copies of a model.

    Args:
        subject: the model on its batch; it is not changed. ``subject.settings`` says how trials train.
        only: names of remedies; all of them if None.
        candidates: of those that change the network, how many are trained: the best by reach and memory.
        rng: of the weights that are drawn.
        progress: called with (done, of, what is being done).

    Raises:
        OptionError: if a name is unknown, or none of the remedies that were named applies.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit the model.
    """
    remedies = chosen(only)
    candidates = as_whole("candidates", candidates, least=1)
    training = subject.settings.updates > 0
    total = 1 + len(remedies) + training * (1 + min(candidates, len(remedies)))
    done = 0

    def note(work: str) -> None:
        nonlocal done
        if progress:
            progress(done, total, work)
        done += 1

    note(UNCHANGED)
    tried = [_measured(UNCHANGED, "nothing changed", "", Change(()), subject, 0.0)]
    refused = []
    generator = random_generator(rng)
    for remedy in remedies:
        note(remedy.name)
        try:
            tried.append(_tried(remedy, subject, generator))
        except Exception as error:  # whatever goes wrong with a changed copy is listed, not fatal
            refused.append((remedy.name, _why(error)))
    if len(tried) == 1 and only is not None:
        raise OptionError(
            "only", "a remedy that applies", "; ".join(f"{n}: {why}" for n, why in refused),
            "Choose other remedies.",
        )  # fmt: skip
    if training:
        picked = _to_train(tried, candidates)
        total = done + len(picked)
        for number in picked:
            each = tried[number]
            note(f"training: {each.name}")
            tried[number] = replace(each, trial=_trained(each))
    if progress:
        progress(total, total, "done")
    return Ranking(tuple(sorted(tried, key=order)), tuple(refused))


def _tried(remedy: Remedy, subject: Subject, rng: np.random.Generator) -> Tried:
    began = perf_counter()
    change = remedy.make(subject, rng)
    seconds = perf_counter() - began
    changed = subject if change.layers is None else subject.changed(change.layers)
    return _measured(remedy.name, remedy.does, remedy.source, change, changed, seconds)


def _trained(each: Tried) -> Trial:
    """Its trial; of a changed copy also one that an error broke off."""
    try:
        return each.subject.train(each.settings)
    except Exception as error:
        if each.name == UNCHANGED:  # the others would not do better
            raise
        return Trial.of([], [], "", [], _why(error))


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, BpttError) else f"{type(error).__name__}: {error}"


def _measured(
    name: str, does: str, source: str, change: Change, subject: Subject, seconds: float
) -> Tried:
    settings = replace(subject.settings, **change.settings)
    return Tried(
        name, does, source, change.sentences, subject, settings, change.settings,
        subject.diagnose(), None, seconds,
    )  # fmt: skip


def _to_train(tried: list[Tried], candidates: int) -> list[int]:
    """The model as it is, what changes the training alone, and the best of the others."""
    others = [n for n, each in enumerate(tried) if n and not each.changes]
    best = sorted(others, key=lambda n: order(tried[n]))[:candidates]
    return [0, *(n for n, each in enumerate(tried) if each.changes), *best]
