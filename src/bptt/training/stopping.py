"""When to stop before all updates are made, and which weights are the best (early stopping, Prechelt 1998).

What is decided is a function of the scores so far, so a resumed run stops where it would have stopped.
"""

from dataclasses import dataclass
from typing import Any, Literal

from bptt.arrays import as_number, as_whole
from bptt.data import Series, Text
from bptt.data.tasks import Task
from bptt.errors import OptionError

Reason = Literal["updates", "patience", "until"]
Scores = list[tuple[int, float]]  # (updates made, score)


@dataclass(frozen=True)
class Stopping:
    """When a run ends.

    Attributes:
        every: updates between two scores; None: never.
        patience: scores in a row without a new best after which to stop; None: no matter how many.
        until: the score at which to stop; None: at none.
        higher: whether a higher score is better.

    Raises:
        OptionError: if a number is out of range, or is given without ``every``.
    """

    every: int | None
    patience: int | None
    until: float | None
    higher: bool

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        for name, attribute in (("evaluate_every", "every"), ("patience", "patience")):
            value = getattr(self, attribute)
            if value is not None:
                object.__setattr__(self, attribute, as_whole(name, value, least=1))
        if self.every is None and not (self.patience is None and self.until is None):
            raise OptionError(
                "evaluate_every", "a number of updates, for patience and until need scores", "None",
                "Pass evaluate_every=100, for example.",
            )  # fmt: skip

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed."""
        return {
            "evaluate_every": self.every, "patience": self.patience, "until": self.until,
        }  # fmt: skip

    def better(self, a: float, b: float) -> bool:
        """Whether score a is better than score b."""
        return a > b if self.higher else a < b

    def best(self, scores: Scores) -> int:
        """Which of the scores is the best, the first of equals."""
        best = 0
        for i, (_, score) in enumerate(scores):
            if self.better(score, scores[best][1]):
                best = i
        return best

    def reason(self, scores: Scores) -> Reason | None:
        """Why to stop after these scores, if at all."""
        if not scores:
            return None
        if self.until is not None and not self.better(self.until, scores[-1][1]):
            return "until"
        if self.patience is not None and len(scores) - 1 - self.best(scores) >= self.patience:
            return "patience"
        return None


def as_until(until: float | str | None, data: Text | Series | Task) -> float | None:
    """The score at which to stop, as a number.

    Raises:
        OptionError: if it is "solved" and the data are no task, another word, or no finite number.
    """
    if until is None:
        return None
    if not isinstance(until, str):
        return as_number("until", until, cure="Pass until=0.95, for example.")
    if until == "solved" and isinstance(data, Task):
        return data.solved
    raise OptionError(
        "until", 'a score, or "solved" for a task', repr(until), "Pass until=0.95, for example."
    )
