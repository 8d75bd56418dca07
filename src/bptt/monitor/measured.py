"""One model on one batch: tried before the training begins, then measured again and again from the same state."""

from typing import Any

import torch
from torch import nn

from bptt.errors import BpttError, OptionError
from bptt.monitor.loggers import Figures
from bptt.monitor.measure import measure
from bptt.monitor.outlook import Training, figures, look
from bptt.prognoses import Measured as Looked
from bptt.torch_models.as_found import Memory, eagerly, is_pytorchs, untouched
from bptt.torch_models.capture import Loss, NotPyTorchs, recurrent_modules


class Measured:
    """A model, its batch and its loss.

    A model with a memory of its own (``self.hidden``) is measured from what it remembered when this was made: what training left in
    it since then belongs to other sequences, and may be of another size.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        needed_lag: as in ``bptt.Monitor``.
        max_lag: as in ``bptt.Monitor``.
        recurrent: as in ``bptt.Monitor``.

    Attributes:
        needed_lag: the lag that the task needs, once the batch was measured.
        looked: what was measured for a prognosis so far.

    Raises:
        OptionError: if there can be no recurrence in the model, or the loss fails on the batch.
    """

    def __init__(
        self, model: nn.Module, batch: Any, loss: Loss, needed_lag: int | None, max_lag: int | None,
        recurrent: Any = None,
    ) -> None:  # fmt: skip
        if recurrent is None and all(map(is_pytorchs, model.modules())):
            recurrent_modules(model)  # in a module of another class there may be a step of its own
        if not callable(loss):
            raise OptionError(
                "loss", "a function, called as loss(model, batch)", repr(loss),
                "For example lambda model, batch: criterion(model(batch[0]), batch[1]).",
            )  # fmt: skip
        self.model, self._batch, self._loss = model, batch, loss
        self._options = needed_lag, max_lag, recurrent
        self.needed_lag = needed_lag or 0
        self.looked: list[Looked] = []
        self._memory = Memory(model)
        try:
            with self._memory.watching(batch), eagerly(model), torch.enable_grad():
                loss(model, batch)
        except BpttError:
            raise
        except Exception as error:
            raise OptionError(
                "loss", "one that can be computed on the monitor's batch", f"{type(error).__name__}: {error}",
                "Call loss(model, batch) yourself and see where it fails. If the model remembers sequences of "
                "another batch size, reset its state, or create the monitor before training.",
            ) from error  # fmt: skip

    @property
    def of_layers(self) -> bool:
        """Whether PyTorch's own layers are measured, which alone a look for a prognosis is for."""
        try:
            recurrent_modules(self.model)
        except NotPyTorchs:
            return False
        return self._options[2] is None

    def figures(self) -> Figures:
        """One measurement; model and batch are left as they were found.

        Raises:
            BpttError: as ``measure``.
        """
        with untouched(*self._memory.roots, self._batch):
            self._memory.recall()
            measured = measure(self.model, self._batch, self._loss, *self._options)
        self.needed_lag = int(measured["bptt/needed_lag"] or 0)
        return measured

    def look(self, update: int, training: Training) -> Figures:
        """The same for a prognosis; ``looked`` keeps it.

        Args:
            update: weight updates made so far.
            training: that is watched.

        Returns:
            the figures; none where the training has no budget.

        Raises:
            BpttError: as ``look``.
        """
        if training.budget is None:
            return {}
        with untouched(*self._memory.roots, self._batch):
            self._memory.recall()
            seen = look(self.model, self._batch, self._loss, self.needed_lag, update, training)
        self.looked.append(seen)
        return figures(self.needed_lag, self.looked, training.budget)
