"""A remedy, tried, and the order of several.

A network learns what lies k steps back through a gradient that reaches it there and a state that holds it, once its
weights have moved the right way. The first two are measured before any training, and training changes both; the
third is a short training. The order, best first:

    1. the loss of the trial, on a scale with steps of 5 %: losses on one step count as equal
    2. a gradient that is steady at the needed lag before one that is not, then by how little it is changed
    3. R² of the input of that lag, read linearly off the state

Without a trial 2 and 3 decide alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.diagnosis import Diagnosis
from bptt.remedies.subject import Subject
from bptt.remedies.trial import Settings, Trial

UNCHANGED = "as it is"
EQUAL = 0.05  # steps of the scale of losses, in ln


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
        diagnosis: of the copy, on the same batch.
        trial: the short training, or None.
        seconds: that the change took to make.
    """

    name: str
    does: str
    source: str
    sentences: tuple[str, ...]
    subject: Subject
    settings: Settings
    changes: dict[str, Any]
    diagnosis: Diagnosis
    trial: Trial | None
    seconds: float

    @property
    def log10_attenuation(self) -> float:
        """Signal at the needed lag over that at lag 0, log10, of the decisive layer."""
        return self.diagnosis.decisive.log10_attenuation

    @property
    def remembered(self) -> float:
        """R² of the input of the needed lag, read off the state; NaN where it could not be measured."""
        return self.diagnosis.remembered


def order(tried: Tried) -> tuple[float, ...]:
    """The key to sort by, best first."""
    loss = float("inf") if tried.trial is None else tried.trial.loss
    rank = np.round(np.log(loss) / EQUAL) if loss > 0 else -np.inf
    remembered = 0.0 if np.isnan(tried.remembered) else tried.remembered
    return (
        float(rank),
        tried.diagnosis.decisive.verdict != "steady",
        float(np.round(abs(tried.log10_attenuation), 1)),
        -remembered,
    )
