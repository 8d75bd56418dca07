"""Every remedy made on a copy of the model, measured on the same batch, raced on held-out data, and ranked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from bptt.cells.initialise import random_generator
from bptt.errors import OptionError
from bptt.remedies.catalogue import Remedy, chosen
from bptt.remedies.change import Change
from bptt.remedies.racing import Race, race, why
from bptt.remedies.ranking import Ranking
from bptt.remedies.rounds import planned, updates_of
from bptt.remedies.subject import Subject
from bptt.remedies.tried import UNCHANGED, Tried, order

Progress = Callable[[int, int, str], None]


def try_remedies(
    subject: Subject,
    *,
    only: Sequence[str] | None = None,
    rng: np.random.Generator | int = 0,
    progress: Progress | None = None,
) -> Ranking:
    """Try remedies on copies of a model.

    Ctrl-C ends the race; the ranking is then of what was measured by that time.

    Args:
        subject: the model on its batch; it is not changed. ``subject.settings`` says how copies train.
        only: names of remedies; all of them if None.
        rng: of the weights that are drawn.
        progress: called with (updates made, of, what is being done).

    Raises:
        OptionError: if a name is unknown, none of the remedies that were named applies, or the data that were given
            cannot be trained on and held out.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit the model.
    """
    remedies = chosen(only)
    budget = subject.settings.budget
    note = progress or (lambda done, total, work: None)
    no_trial = _untrainable(subject) if budget else None
    training = bool(budget) and no_trial is None
    total = updates_of(planned(len(remedies), budget)) if training else len(remedies)
    note(0, total, UNCHANGED)
    tried = [_measured(UNCHANGED, "nothing changed", "", Change(()), subject, 0.0)]
    refused = []
    generator = random_generator(rng)
    for number, remedy in enumerate(remedies):
        try:
            note(0 if training else number, total, f"making: {remedy.name}")
            tried.append(_tried(remedy, subject, generator))
        except Exception as error:  # whatever goes wrong with a changed copy is listed, not fatal
            refused.append((remedy.name, why(error)))
        except KeyboardInterrupt:
            training, no_trial = False, f"stopped by hand while {remedy.name} was made"
            break
    if len(tried) == 1 and only is not None:
        raise OptionError(
            "only", "a remedy that applies", "; ".join(f"{n}: {reason}" for n, reason in refused),
            "Choose other remedies.",
        )  # fmt: skip
    ran: Race | None = None
    if training:
        tried, ran = race(tried, planned(len(tried) - 1, budget), budget, note)
    note(total, total, "done")
    return Ranking(tuple(sorted(tried, key=order)), tuple(refused), ran, no_trial)


def _untrainable(subject: Subject) -> str | None:
    """Why nothing can be trained where no data were given: the batch cannot be split. None where all is well.

    Raises:
        OptionError: if data were given and they cannot be trained on.
    """
    if subject.has_data:
        return None
    try:
        subject.learner(subject.settings)
    except OptionError as error:
        return f"pass data=… {error}"
    return None


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
        name, does, source, change.sentences, subject, settings, change.settings,
        subject.diagnose(), None, seconds,
    )  # fmt: skip
