"""A remedy, tried, and the order of several.

What a network learns shows on data that it was not trained on, after a look ahead (``bptt.prognoses``); a gradient that
reaches far before any training does not settle it, nor does the loss on what is trained on. The order, best first:

    1. who learns or has a gradient left at the needed lag after the look ahead, before who has neither
    2. who has begun to learn, by the held-out loss; then by the score behind the probability of the prognosis
    3. of equal ones, among them all that are as good as certain, the cheaper one to train; then the model as it is; then a
       change with a larger learning rate before the change alone, which comes less far in the same budget

Who was left behind in an earlier round stands behind those that went on. Without a race the gradient at the needed lag
decides alone, then the R² of the input of that lag, read linearly off the state.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.diagnosis import Diagnosis
from bptt.diagnosis.verdict import LOG10_VANISHED
from bptt.prognoses import Prognosis
from bptt.remedies.settings import Settings
from bptt.remedies.subject import Subject

UNCHANGED = "as it is"
CERTAIN = 0.95  # a probability above which one is not likelier than another
EQUAL = 0.1  # steps of the scale of scores, and of losses, in ln: those on one step count as equal


@dataclass(frozen=True, eq=False)
class Tried:
    """A remedy, tried.

    Attributes:
        name: of the remedy; "as it is" for the model without one.
        does: what it does.
        source: who proposed it.
        sentences: what it changed, a sentence each.
        subject: the changed copy.
        settings: how it is to be trained.
        changes: the settings that differ from those of the model as it is, by name.
        diagnosis: of the copy, on the same batch, before any training.
        prognosis: what the look ahead saw, as far as the copy raced; None if nothing was trained.
        seconds: that the change took to make.
        rounds: of the race that it has run to their end.
        price: of an update of the copy, in updates of the model as it is.
        combined: whether it is another remedy with a larger learning rate.
    """

    name: str
    does: str
    source: str
    sentences: tuple[str, ...]
    subject: Subject
    settings: Settings
    changes: dict[str, Any]
    diagnosis: Diagnosis
    prognosis: Prognosis | None
    seconds: float
    rounds: int = 0
    price: float = 1.0
    combined: bool = False

    @property
    def log10_attenuation(self) -> float:
        """Signal at the needed lag over that at lag 0, log10, of the decisive layer, before any training."""
        return self.diagnosis.decisive.log10_attenuation

    @property
    def remembered(self) -> float:
        """R² of the input of the needed lag, read off the state; NaN where it could not be measured."""
        return self.diagnosis.remembered

    @property
    def vanishes(self) -> bool:
        """Whether less than a hundredth of the signal is left at the needed lag: after the race, if there was one."""
        after = self.prognosis.measured if self.prognosis is not None else ()
        left = after[-1].log10_attenuation if after else self.log10_attenuation
        return bool(left < LOG10_VANISHED)

    @property
    def can_stand_first(self) -> bool:
        """Whether it learns on held-out data, or still can: its gradient is left at the needed lag."""
        if self.name == UNCHANGED:
            return True
        prognosis = self.prognosis
        if prognosis is None:
            return not self.vanishes
        return not prognosis.diverged and (prognosis.verdict == "will learn" or not self.vanishes)


def order(tried: Tried) -> tuple[float, ...]:
    """The key to sort by, best first."""
    own = tried.name == UNCHANGED
    if tried.prognosis is None:
        remembered = 0.0 if np.isnan(tried.remembered) else tried.remembered
        return (
            not tried.can_stand_first,
            tried.diagnosis.decisive.verdict != "steady",
            float(np.round(abs(tried.log10_attenuation), 1)),
            -remembered,
            not own,
        )
    return (
        not tried.can_stand_first,
        -tried.rounds,
        *strength(tried.prognosis),
        tried.price,
        not own,
        not tried.combined,
    )


def strength(prognosis: Prognosis) -> tuple[float, float]:
    """How it does, best first; in steps, so that what is nearly the same counts as equal."""
    if prognosis.learnt:
        last = prognosis.measured[-1]
        return 0.0, float(np.round(np.log(max(last.loss, 1e-12) / last.blind) / EQUAL))
    p = prognosis.probability
    if np.isnan(p):
        return 1.0, float("inf")
    p = float(np.clip(p, 1e-12, CERTAIN))
    return 1.0, float(-np.round(np.log(p / (1 - p)) / EQUAL))
