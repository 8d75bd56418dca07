"""A callback for the Trainer of PyTorch Lightning: it sees the gradients before clipping."""

import sys
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bptt.monitor import gradients
from bptt.monitor.loggers import nowhere
from bptt.monitor.monitor import Monitor, whole_numbers
from bptt.monitor.outlook import Training
from bptt.torch_models.capture import Loss

if TYPE_CHECKING:
    Callback = object
else:
    # The same library under two names, with classes of their own: the one that the user has imported.
    _names = ("lightning.pytorch", "pytorch_lightning")
    _known = [name for name in _names if name in sys.modules]
    try:
        Callback = import_module(_known[0] if _known else _names[0]).Callback
    except ModuleNotFoundError:
        Callback = import_module(_names[1]).Callback


class LightningCallback(Callback):
    """``bptt.Monitor`` for a Lightning Trainer: Trainer(callbacks=[LightningCallback(batch, loss)]).

    Lightning shows a callback the gradients before it clips them, so grad_norm_after_clip stays None.
    clipped_share comes from the Trainer's own gradient_clip_val.

    Args:
        batch: what ``loss`` takes; the same every time, on the model's device.
        loss: called as loss(the LightningModule, batch), returns the loss.
        every: optimizer steps from one measurement to the next.
        log: as in ``bptt.Monitor``; None for the Trainer's loggers, or bptt.jsonl if it has none.
        needed_lag: as in ``bptt.Monitor``.
        max_lag: as in ``bptt.Monitor``.
        budget: as in ``bptt.Monitor``.
        lr: as in ``bptt.Monitor``.
        sequences: as in ``bptt.Monitor``.
        recurrent: as in ``bptt.Monitor``.
    """

    def __init__(
        self,
        batch: Any,
        loss: Loss,
        every: int = 200,
        log: Any = None,
        *,
        needed_lag: int | None = None,
        max_lag: int | None = None,
        budget: int | None = None,
        lr: float = 1e-3,
        sequences: int = 32,
        recurrent: Any = None,
    ) -> None:
        super().__init__()
        self._log = log
        every, needed_lag, max_lag = whole_numbers(every, needed_lag, max_lag)
        self._options = {
            "batch": batch, "loss": loss, "every": every, "needed_lag": needed_lag, "max_lag": max_lag,
            "recurrent": recurrent,
            **asdict(Training(budget, lr, sequences)),
        }  # fmt: skip
        self._monitor: Monitor | None = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to count."""
        log = self._log if self._log is not None else list(trainer.loggers) or None
        # Other ranks than the first have no logger, nor may they open its file.
        log = log if trainer.is_global_zero else nowhere
        self._monitor = Monitor(pl_module, log=log, **self._options)
        self._monitor.steps = trainer.global_step  # not 0 where training is resumed

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """One step, before clipping."""
        if self._monitor is None:
            return
        norm, binds = self._monitor.norm(), None
        with self._monitor.training_goes_on():
            if trainer.gradient_clip_val and norm is not None:
                binds = _binds(trainer, optimizer, float(trainer.gradient_clip_val))
        self._monitor.advance(norm, None, binds, "before")

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Let go of the model."""
        self._monitor = None


def _binds(trainer: Any, optimizer: Any, limit: float) -> bool:
    """Whether the Trainer is about to change the gradient."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if str(trainer.gradient_clip_algorithm or "norm").endswith("value"):
        return gradients.largest(parameters) > limit
    norm = gradients.norm(parameters)
    return norm is not None and norm > limit
