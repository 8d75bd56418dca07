"""What the monitor's batch tells about learning: reach, agreement and form, as a look ahead measures them.

It costs about as much again as the gradient by lag, so it is measured where there is a budget to judge by.

bptt/reach              log10 of the error signal at the needed lag over where it starts, of the layer where it is weakest
bptt/agreement          part of the gradient from that lag on that pulls the same way on other sequences, 0 to 1
bptt/agreement_error    standard error of it
bptt/agreement_rate     part of the loss that these lags take off per update
bptt/form               R² of what the loss asks for, by the tangent features of far lags; batches of 64 sequences or more
bptt/blind_loss         the loss of the same network where every sequence shows it the mean state
bptt/outlook            "will learn", "will not learn", "cannot tell"
bptt/probability        that it learns within the budget
bptt/missing            "reach", "agreement", "form"; None where none stands out
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from bptt.arrays import as_number, as_whole
from bptt.monitor.loggers import Figures
from bptt.presentation.jsonable import plain
from bptt.prognoses import FEWEST, Measured, Prognosis, measure_batch
from bptt.torch_models.capture import Loss
from bptt.torch_models.learner import passed

WATCHED = (
    "The numbers are of the monitor's batch, which the training may contain too, while the weights move: no copy was "
    "trained, and nothing was held out."
)


@dataclass(frozen=True)
class Training:
    """The training that is watched.

    Attributes:
        budget: its weight updates; None if nobody said, and then nobody looks.
        lr: of Adam.
        sequences: of an update.
    """

    budget: int | None = None
    lr: float = 1e-3
    sequences: int = 32

    def __post_init__(self) -> None:
        """Refuse what no training has."""
        if self.budget is not None:
            budget = as_whole("budget", self.budget, least=FEWEST, cure="It counts weight updates.")
            object.__setattr__(self, "budget", budget)
        object.__setattr__(self, "lr", as_number("lr", self.lr, "(0, ∞)", "0.001 is usual."))
        sequences = as_whole("sequences", self.sequences, least=1, cure="Pass the batch size.")
        object.__setattr__(self, "sequences", sequences)


def look(
    model: nn.Module, batch: Any, loss: Loss, needed_lag: int, update: int, training: Training
) -> Measured:
    """Measure a model for a prognosis; it is left as it was found.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        needed_lag: the lag that the task needs.
        update: weight updates made so far.
        training: that is watched.

    Raises:
        BpttError: as ``bptt.diagnose``.
    """
    return measure_batch(
        passed(model, batch, loss, needed_lag, 0), update=update, needed_lag=needed_lag,
        batch=training.sequences, lr=training.lr,
    )  # fmt: skip


def figures(needed_lag: int, measured: Sequence[Measured], budget: int) -> Figures:
    """The last measurement as plain numbers and text.

    Args:
        needed_lag: the lag that the task needs.
        measured: all so far, in order.
        budget: weight updates of the whole training.
    """
    last = measured[-1]
    agreed = last.agreement
    prognosis = foretold(needed_lag, measured, budget)
    numbers: dict[str, Any] = {
        "reach": last.log10_attenuation,
        "agreement": None if agreed is None else agreed.coherence,
        "agreement_error": None if agreed is None else agreed.error,
        "agreement_rate": None if agreed is None else agreed.rate,
        "form": last.form,
        "blind_loss": last.blind,
        "outlook": prognosis.verdict,
        "probability": prognosis.probability,
        "missing": prognosis.missing,
    }
    return {f"bptt/{name}": plain(value) for name, value in numbers.items()}


def foretold(needed_lag: int, measured: Sequence[Measured], budget: int) -> Prognosis:
    """The prognosis of a training in progress.

    Args:
        needed_lag: the lag that the task needs.
        measured: all so far, in order.
        budget: weight updates of the whole training.
    """
    losses = tuple(each.loss for each in measured)
    return Prognosis(needed_lag, budget, tuple(measured), losses, remarks=(WATCHED,))
