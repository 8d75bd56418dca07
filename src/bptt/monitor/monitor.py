"""When to measure, what is logged, and what happens if a measurement fails."""

import math
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from torch import nn

from bptt.arrays import as_whole
from bptt.errors import AgreementError, NonFiniteError, OptionError
from bptt.monitor import gradients, ranks
from bptt.monitor.loggers import Figures, logger_for
from bptt.monitor.measure import measure, plain
from bptt.monitor.watch import Watch
from bptt.torch_models.as_module import as_module
from bptt.torch_models.capture import Loss, recurrent_modules


class Monitor:
    """Measures a model on one fixed batch while it trains, and logs the figures.

    As a ``with`` block around the training loop, or by hand with ``step()``. The first step is measured,
    then one in ``every``; besides, the first step whose gradient is not finite. The model, its gradients and
    the random numbers are left as they are: training goes as it would without.

    Args:
        model: any module with nn.RNN, nn.LSTM, nn.GRU in it, or their cells called in a loop.
        batch: what ``loss`` takes; 8 sequences are enough. The same every time, on the model's device.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        every: training steps from one measurement to the next.
        log: where the figures go: a path for JSON lines (bptt.jsonl if None), a function of one dict, a
            writer, run or logger (TensorBoard, W&B, MLflow, Lightning, Aim, ClearML), or a list of them.
        needed_lag: how far back the task needs the gradient to reach; half of each layer's own steps if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.

    Raises:
        OptionError: if an argument is not of the kind that is asked for.
        FileError: if the file cannot be written.

    >>> import bptt, torch
    >>> model, lines = torch.nn.RNN(2, 8), []
    >>> batch = torch.randn(20, 4, 2, generator=torch.Generator().manual_seed(0))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with bptt.Monitor(model, batch, lambda m, x: m(x)[0].square().mean(), every=2, log=lines.append):
    ...     for _ in range(4):
    ...         optimizer.zero_grad()
    ...         model(batch)[0].square().mean().backward()
    ...         optimizer.step()
    >>> [line["step"] for line in lines], lines[0]["bptt/rnn.0/verdict"]
    ([0, 2], 'vanishing')
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Any,
        loss: Loss,
        every: int = 200,
        log: Any = None,
        *,
        needed_lag: int | None = None,
        max_lag: int | None = None,
    ) -> None:
        model = as_module(model)
        recurrent_modules(model)
        if not callable(loss):
            raise OptionError(
                "loss", "a function, called as loss(model, batch)", repr(loss),
                "For example lambda model, batch: criterion(model(batch[0]), batch[1]).",
            )  # fmt: skip
        self.every, self.needed_lag, self.max_lag = whole_numbers(every, needed_lag, max_lag)
        self.model, self.batch, self.loss = model, batch, loss
        self.steps = 0
        self._log = logger_for(log)
        self._block: ExitStack | None = None
        self._clipped: list[bool] = []  # steps with clipping since the last line: did it bind?
        self._finite = True  # the last gradient

    def __enter__(self) -> Self:
        """From here on every optimizer step of this model counts."""
        self._block = ExitStack()
        self._block.enter_context(Watch(self.model, self._stepped).watching())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the hooks off again."""
        if self._block is not None:
            self._block.close()
            self._block = None

    def step(self, norm: Any = None, max_norm: float | None = None) -> None:
        """Count one training step; between clipping and ``optimizer.step()``.

        Args:
            norm: what clip_grad_norm_ returned, if it was called: the norm before clipping.
            max_norm: what it clipped to.

        Raises:
            OptionError: inside the with block, which counts the steps itself.
        """
        if self._block is not None:
            raise OptionError(
                "step", "the with block, or step() by hand", "both",
                "Leave out step(): the block sees the optimizer's steps.",
            )  # fmt: skip
        before = None if norm is None else float(norm)
        binds = None if before is None or max_norm is None else before > max_norm
        self._stepped(before, binds)

    def _stepped(self, before: float | None, clipped: bool | None) -> None:
        """One step whose gradient, as the optimizer will use it, stands in .grad."""
        # On most steps the norm is only asked whether it is finite; one that was clipped to is known.
        known = before is not None and math.isfinite(before) and self.steps % self.every != 0
        after = None if known else gradients.norm(self.model.parameters())
        self.advance(after if before is None else before, after, clipped, "before and after")

    def advance(
        self, before: float | None, after: float | None, clipped: bool | None, seen: str
    ) -> None:
        """Count one step, and measure if it is time to; for callbacks of trainers.

        Args:
            before: ‖grad‖₂ before clipping, or None if it is not known.
            after: ‖grad‖₂ after clipping, or None if it is not known.
            clipped: whether clipping changed the gradient; None if there was none, or it is not known.
            seen: which gradients these are: "before", "after" or "before and after" clipping.
        """
        if clipped is not None:
            self._clipped.append(clipped)
        finite = all(math.isfinite(value) for value in (before, after) if value is not None)
        due, broke = self.steps % self.every == 0, self._finite and not finite
        self._finite = finite
        if due or broke:
            share = sum(self._clipped) / len(self._clipped) if self._clipped else None
            norms: Figures = {
                "bptt/grad_norm_before_clip": before,
                "bptt/grad_norm_after_clip": after,
                "bptt/clipped_share": share,
                "bptt/gradients_seen": f"{seen} clipping",
            }
            # Between the steps that are due for all ranks one must not wait for the others.
            self._write(norms, alone=not due)
        if due:
            self._clipped = []
        self.steps += 1

    def _write(self, norms: Figures, alone: bool) -> None:
        figures = {name: plain(value) for name, value in norms.items()}
        bad = gradients.not_finite(self.model)
        figures["bptt/first_nonfinite_parameter"] = bad[0] if bad else None
        figures["bptt/nonfinite"] = len(bad)
        failure: Exception | None = None
        try:
            figures |= measure(self.model, self.batch, self.loss, self.needed_lag, self.max_lag)
            figures["bptt/problem"] = None
        except Exception as error:
            figures["bptt/first_nonfinite_lag"] = None
            figures["bptt/problem"] = f"{type(error).__name__}: {error}"
            # Nothing is lost yet at the first step: what does not fit will not fit later either.
            if self.steps == 0 and not isinstance(error, NonFiniteError | AgreementError):
                failure = error
        if not alone:
            figures = ranks.together(figures)
        if ranks.is_first():
            self._log(figures, self.steps)
        if failure is not None:
            raise failure


def whole_numbers(
    every: int, needed_lag: int | None, max_lag: int | None
) -> tuple[int, int | None, int | None]:
    """The whole numbers that a monitor takes, checked before the training begins.

    Args:
        every: training steps from one measurement to the next.
        needed_lag: how far back the task needs the gradient to reach, or None.
        max_lag: the largest lag to compute, or None.

    Raises:
        OptionError: if one is no whole number, or too small.
    """
    every = as_whole("every", every, least=1, cure="200 is usual.")
    needed, largest = (
        None if lag is None else as_whole(name, lag, least=0)
        for name, lag in (("needed_lag", needed_lag), ("max_lag", max_lag))
    )
    return every, needed, largest
