"""A short training, and how it is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bptt.errors import OptionError

MARK = 25  # training steps that a point of a trial's curve averages
FEWEST, MOST, READ = 50, 1000, 4_000_000


def usual_steps(T: int, batch: int) -> int:
    """Steps of a trial that reads some four million inputs: seconds, for a small network."""
    return int(np.clip(READ // (T * batch), FEWEST, MOST))


@dataclass(frozen=True)
class Settings:
    """How a trial trains; a remedy may change it.

    Attributes:
        steps: weight changes; 0 trains nothing.
        lr: of Adam.
        batch: sequences, or streams of text, side by side.
        clip: largest norm of the gradient; None never clips.
        length: steps between two weight changes on text (k1).
        window: how far back the gradient of these steps reaches on text (k2); ``length`` if None.
        omega: weight of Pascanu's Ω in the loss.
        seed: of the order of the data.
    """

    steps: int = 0
    lr: float = 1e-3
    batch: int = 32
    clip: float | None = 1.0
    length: int = 64
    window: int | None = None
    omega: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work."""
        if self.steps < 0:
            raise OptionError(
                "trial_steps", "a number from 0", str(self.steps), "0 trains nothing."
            )
        if not 0 < self.lr < np.inf:
            raise OptionError("lr", "a positive number", str(self.lr), "Try 0.001.")
        if self.batch < 1:
            raise OptionError("batch", "a number from 1", str(self.batch), "32 is usual.")
        if self.clip is not None and not self.clip > 0:
            raise OptionError("clip", "a positive norm, or None", str(self.clip), "1.0 is usual.")


@dataclass(frozen=True, eq=False)
class Trial:
    """A short training.

    Attributes:
        history: (step, loss) pairs, each the mean of the steps since the one before.
        unit: of the loss.
        loss: mean over the last fifth of the steps; infinite where training broke off.
        norms: the gradient's norm at every step, before clipping.
        seconds: that a step took, the median.
        stopped: why it broke off, or None.
    """

    history: list[tuple[int, float]]
    unit: str
    loss: float
    norms: list[float] = field(repr=False)
    seconds: float
    stopped: str | None = None

    @classmethod
    def of(
        cls,
        losses: Sequence[float],
        norms: Sequence[float],
        unit: str,
        stamps: Sequence[float],
        stopped: str | None = None,
    ) -> "Trial":
        """From what every step gave; ``stamps`` are the times at the beginning and after every step."""
        ends = [*range(MARK, len(losses), MARK), len(losses)] if losses else []
        starts = [0, *ends][: len(ends)]
        history = [(b, float(np.mean(losses[a:b]))) for a, b in zip(starts, ends, strict=True)]
        last = losses[-max(1, len(losses) // 5) :]
        loss = float("inf") if stopped else float(np.mean(last))
        seconds = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
        return cls(history, unit, loss, list(norms), seconds, stopped)
