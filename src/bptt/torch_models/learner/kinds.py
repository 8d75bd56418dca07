"""Which recurrence of a model a look ahead measures: PyTorch's layers, steps of one's own, or scans; told by the first batch."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import nn

from bptt.prognoses import Pass
from bptt.torch_models.capture import Loss, NotPyTorchs, capturing, recurrent_modules
from bptt.torch_models.learner.of_layers import OfLayers
from bptt.torch_models.learner.of_scans import OfScans
from bptt.torch_models.learner.of_steps import OfSteps
from bptt.torch_models.scans import is_scan, scan_modules
from bptt.torch_models.stepped import found, named


class Kind(Protocol):
    """A kind of recurrence.

    Attributes:
        unlike: the classes of it, where the probability was not fitted on its kind; else "".
    """

    @property
    def unlike(self) -> str: ...  # noqa: D102

    def seen(self, model: nn.Module, batch: Any, loss: Loss) -> tuple[int, int]:
        """Steps of the longest sequence, and sequences."""
        ...

    def sequences(self, model: nn.Module, batch: Any, loss: Loss) -> int:
        """How many sequences of a batch it sees."""
        ...

    def passed(
        self, model: nn.Module, batch: Any, loss: Loss, lag: int, number: int
    ) -> tuple[Pass, Sequence[str]]:
        """A group of held-out sequences run through it, and what cannot be measured and why.

        Args:
            model: in the mode that it is measured in.
            batch: whatever ``loss`` takes.
            loss: called as loss(model, batch).
            lag: that the task needs.
            number: of the group.
        """
        ...


class Kinds:
    """The kind of recurrence of a model and its copies.

    Args:
        model: the user's.
        recurrent: as ``bptt.diagnose`` takes it.

    Raises:
        OptionError: if ``recurrent`` names nothing.
    """

    def __init__(self, model: nn.Module, recurrent: Any = None) -> None:
        self._kind: Kind | None = None
        if recurrent is not None:
            steps = named(model, recurrent)
            self._kind = OfScans(steps) if all(map(is_scan, steps.values())) else OfSteps(steps)

    def of(self, model: nn.Module, batch: Any, loss: Loss) -> Kind:
        """Found where it is asked for first.

        Args:
            model: the user's, or a copy of it.
            batch: whatever ``loss`` takes.
            loss: called as loss(model, batch).

        Raises:
            OptionError: if there is no recurrence.
        """
        if self._kind is None:
            self._kind = _found(model, batch, loss)
        return self._kind


def _found(model: nn.Module, batch: Any, loss: Loss) -> Kind:
    try:
        recurrent_modules(model)
        with capturing(model, batch, loss, flat_too=True):
            return OfLayers()
    except NotPyTorchs:
        scans = scan_modules(model)
        if scans:
            return OfScans(scans)
        steps = found(model, batch, loss)
        if not steps:
            raise
        return OfSteps(steps)
