"""A callback for the Trainer of Hugging Face transformers: it sees the gradients after clipping."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptt.monitor.loggers import DEFAULT, nowhere
from bptt.monitor.monitor import Monitor, whole_numbers
from bptt.monitor.outlook import Training
from bptt.torch_models.capture import Loss

if TYPE_CHECKING:
    _Callback = object
else:
    from transformers import TrainerCallback as _Callback


class TrainerCallback(_Callback):
    """``bptt.Monitor`` for a Hugging Face Trainer: Trainer(callbacks=[TrainerCallback(batch, loss)]).

    The Trainer shows a callback the gradients after it clipped them, so grad_norm_before_clip and
    clipped_share stay None; the norm before clipping is the Trainer's own "grad_norm".

    Args:
        batch: what ``loss`` takes; the same every time, on the model's device.
        loss: called as loss(model, batch), returns the loss.
        every: optimizer steps from one measurement to the next.
        log: as in ``bptt.Monitor``; None for bptt.jsonl in the Trainer's output_dir.
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

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to count, on from the step that training is resumed at."""
        log = self._log
        if not state.is_world_process_zero:
            log = nowhere
        elif log is None:
            Path(args.output_dir).mkdir(parents=True, exist_ok=True)
            log = Path(args.output_dir) / DEFAULT
        self._monitor = Monitor(kwargs["model"], log=log, **self._options)
        self._monitor.steps = state.global_step

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One step, after clipping."""
        if self._monitor is not None:
            self._monitor.advance(None, self._monitor.norm(), None, "after")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let go of the model."""
        self._monitor = None
