"""A short training, and how it is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bptt.arrays import as_number, as_whole
from bptt.training.usual import updates_that_read

MARK = 25  # updates that a point of a trial's curve averages
FEWEST, MOST = 50, 1000


def usual_updates(T: int, batch: int) -> int:
    """Updates of a trial that reads some four million inputs: seconds, for a small network."""
    return updates_that_read(T, batch, FEWEST, MOST)


@dataclass(frozen=True)
class Settings:
    """How a trial trains; a remedy may change it.

    Attributes:
        updates: of the weights; 0 trains nothing.
        lr: of Adam.
        batch: sequences, or streams of a text, per update.
        clip: largest norm of the gradient; None never clips.
        length: time steps of a text from one update to the next, k1.
        window: of a text, how far back the gradient of these steps reaches, k2; ``length`` if None.
        omega: weight of Pascanu's Ω in the loss.
        seed: of the order of the data.
    """

    updates: int = 0
    lr: float = 1e-3
    batch: int = 32
    clip: float | None = 1.0
    length: int = 64
    window: int | None = None
    omega: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work; a float that is whole becomes a whole number."""
        for name, least in (
            ("updates", 0),
            ("batch", 1),
            ("length", 1),
            ("window", 1),
            ("seed", 0),
        ):
            if getattr(self, name) is not None or name != "window":
                whole = as_whole(name, getattr(self, name), least=least)
                object.__setattr__(self, name, whole)
        as_number("lr", self.lr, "(0, ∞)", "0.001 is usual.")
        if self.clip is not None:
            as_number("clip", self.clip, "(0, ∞]", "1.0 is usual, None never clips.")
        as_number("omega", self.omega, "[0, ∞)", "0 leaves Ω out.")


@dataclass(frozen=True, eq=False)
class Trial:
    """A short training.

    Attributes:
        history: (update, loss) pairs, each loss the mean over the updates since the pair before.
        unit: of the loss.
        loss: mean over the last fifth of the updates; infinite where training broke off.
        norms: the gradient's norm at every update, before clipping.
        seconds: per update, the median.
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
        """From what every update gave.

        Args:
            losses: on its batch, before the update.
            norms: of its gradient, before clipping.
            unit: of the losses; "" if it has no name.
            stamps: times in seconds, at the beginning and after every update.
            stopped: why the training broke off, or None.
        """
        ends = [*range(MARK, len(losses), MARK), len(losses)] if losses else []
        starts = [0, *ends][: len(ends)]
        history = [(b, float(np.mean(losses[a:b]))) for a, b in zip(starts, ends, strict=True)]
        last = losses[-max(1, len(losses) // 5) :]
        loss = float("inf") if stopped else float(np.mean(last))
        seconds = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
        return cls(history, unit, loss, list(norms), seconds, stopped)
