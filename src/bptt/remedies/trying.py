"""Every remedy made on a copy of the model, measured on the same batch, raced on held-out data, and ranked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from bptt.cells.initialise import random_generator
from bptt.errors import OptionError
from bptt.remedies.catalogue import Remedy, chosen
from bptt.remedies.racing import Race, race, why
from bptt.remedies.ranking import Ranking
from bptt.remedies.subject import Subject
from bptt.remedies.tried import UNCHANGED, Tried, order

Progress = Callable[[int, int, str], None]

OMEGA = 2  # the price of an update with Ω, which takes the errors back once more


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
    total = budget if training else len(remedies)
    note(0, total, UNCHANGED)
    tried = [_unchanged(subject)]
    refused: list[tuple[str, str]] = []
    generator = random_generator(rng)
    if only is None:
        remedies, refused = _fitting(subject, remedies)
    for number, remedy in enumerate(remedies):
        try:
            note(0 if training else number, total, f"making: {remedy.name}")
            tried.append(_tried(remedy, tried[0], generator))
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
        tried, ran = race(tried, budget, note)
    if ran is not None:
        total = ran.time
    note(total, total, "done")
    return Ranking(tuple(sorted(tried, key=order)), tuple(refused), ran, no_trial)


def _fitting(
    subject: Subject, remedies: list[Remedy]
) -> tuple[list[Remedy], list[tuple[str, str]]]:
    """Those that are made for the subject's kind of recurrence, and why the others are left out."""
    if subject.layers:
        return [remedy for remedy in remedies if remedy.of != "other recurrences"], []
    left_out = (
        "what changes W_R and gates by name",
        "It does not apply: the recurrence is no layer of PyTorch's.",
    )
    return [remedy for remedy in remedies if remedy.of != "layers"], [left_out]


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


def _unchanged(subject: Subject) -> Tried:
    return Tried(
        UNCHANGED, "nothing changed", "", (), subject, subject.settings, {}, subject.diagnose(), None, 0.0
    )  # fmt: skip


def _tried(remedy: Remedy, before: Tried, rng: np.random.Generator) -> Tried:
    began = perf_counter()
    change = remedy.made(before.subject, rng)
    seconds = perf_counter() - began
    settings = replace(before.settings, **change.settings)
    subject, diagnosis = before.subject, before.diagnosis
    if change.layers is not None:
        subject = subject.changed(change.layers)
    elif change.subject is not None:
        subject = change.subject
    if subject is not before.subject:
        diagnosis = subject.diagnose()
    return Tried(
        remedy.name, remedy.does, remedy.source, change.sentences, subject, settings, change.settings, diagnosis,
        None, seconds, price=_price(subject, before.subject) * (OMEGA if settings.omega else 1),
    )  # fmt: skip


def _price(subject: Subject, before: Subject) -> float:
    """Of an update: an LSTM has four times the weights of a plain layer, and takes more than three times as long."""
    weights, own = (
        sum(layer.W_F.size + layer.W_R.size for layer in each.layers) for each in (subject, before)
    )
    return float((weights / own) ** 0.95) if own else 1.0
