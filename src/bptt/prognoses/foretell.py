"""A prognosis of a learner: the look ahead, and what it says."""

from bptt.arrays import as_whole
from bptt.prognoses.learner import Learner
from bptt.prognoses.look_ahead import Progress, look_ahead, updates_ahead
from bptt.prognoses.prognosis import Prognosis

BUDGET, FEWEST, MOST = 2000, 20, 10**9  # updates of a training


def prognosis_of(
    learner: Learner, budget: int = BUDGET, progress: Progress | None = None
) -> Prognosis:
    """Train a learner for a tenth of the budget, measure it on the way, and say whether it will learn.

    Args:
        learner: fresh; it is trained.
        budget: updates of the whole training.
        progress: called with (updates made, of, what is being done).

    Raises:
        OptionError: if the budget is no whole number from 20.
    """
    budget = as_budget(budget)
    seen = look_ahead(learner, updates_ahead(budget), progress)
    return Prognosis(
        learner.needed_lag, budget, seen.measured, seen.losses, learner.unit, seen.stopped,
        learner.remarks, seen.diverged, learner.epoch, learner.unlike,
    )  # fmt: skip


def as_budget(budget: int) -> int:
    """A budget, checked.

    Raises:
        OptionError: if it is no whole number from 20.
    """
    return as_whole(
        "budget", budget, least=FEWEST, most=MOST, cure="A look ahead trains for a tenth of it."
    )
