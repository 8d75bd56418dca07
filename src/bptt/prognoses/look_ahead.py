"""A copy trained a tenth of the way, measured at its start, half-way and at its end."""

from collections.abc import Callable
from dataclasses import dataclass

from bptt.errors import NonFiniteError
from bptt.presentation.formatting import counted
from bptt.prognoses.learner import GROUPS, Learner
from bptt.prognoses.measured import Measured, measure

PART = 0.1  # of the budget that is looked ahead
# Where it is measured, as a part of the look ahead, and on how many groups of sequences: for agreement, and for form. The
# last decides; the fit of the probability was made with as many.
POINTS = {0.0: (3, 2), 0.5: (3, 2), 1.0: (GROUPS, GROUPS // 2)}

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Looked:
    """What a look ahead saw.

    Attributes:
        measured: at its points, as far as it came.
        losses: on the batch of every update, before it.
        stopped: why it ended early, a sentence, or None.
        diverged: whether that is because the training broke off.
    """

    measured: tuple[Measured, ...]
    losses: tuple[float, ...]
    stopped: str | None = None
    diverged: bool = False


def updates_ahead(budget: int) -> int:
    """Updates of a look ahead: a tenth of the budget."""
    return max(2, round(PART * budget))


def look_ahead(learner: Learner, updates: int, progress: Progress | None = None) -> Looked:
    """Train a learner on, and measure it on the way.

    Ctrl-C ends it; what is known by then is returned.

    Args:
        learner: from where it stands; it is trained.
        updates: of the whole look ahead.
        progress: called with (updates made, of, what is being done).
    """
    measured: list[Measured] = []
    losses: list[float] = []
    stopped, diverged = None, False

    def note(E: float) -> None:
        losses.append(E)
        if progress:
            progress(len(losses), updates, "training")

    try:
        for point, groups in POINTS.items():
            learner.advance(round(point * updates) - len(losses), note)
            if progress:
                progress(len(losses), updates, "measuring")
            measured.append(measure(learner, *groups))
    except NonFiniteError as error:
        stopped, diverged = broke_off(len(losses), str(error)), True
    except KeyboardInterrupt:
        stopped = f"Interrupted after {len(losses)} of {updates} updates."
    return Looked(tuple(measured), tuple(losses), stopped, diverged)


def broke_off(updates: int, why: str) -> str:
    """That a training broke off after some updates, and why, as a sentence."""
    return f"The training broke off after {counted(updates, 'update')}: {why}"
