"""When to measure, what is logged, and what happens if a measurement fails."""

import logging
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

from bptt.arrays import as_whole
from bptt.errors import BpttError, DTypeError, OptionError, ShapeError
from bptt.monitor import gradients, ranks
from bptt.monitor.loggers import Figures, logger_for
from bptt.monitor.measured import Measured
from bptt.monitor.outlook import Training, foretold
from bptt.monitor.watch import Watch
from bptt.presentation.jsonable import plain
from bptt.prognoses import Prognosis
from bptt.torch_models.as_found import unwrapped
from bptt.torch_models.as_module import as_module
from bptt.torch_models.capture import Loss

LOGGER = logging.getLogger("bptt")


class Monitor:
    """Measures a model on one fixed batch while it trains, and logs the figures.

    As a ``with`` block around the training loop, or by hand with ``step()``. The first step is measured,
    then one in ``every``; besides, the first step whose gradient is not finite. The model, its memory, its
    gradients and the random numbers are left as they are: training goes as it would without.

    The batch is tried at once, so what does not fit is refused before training. Later no error ends the
    training: it is logged once, by Python's logging ("bptt"), and stands in the figures as bptt/problem.

    Args:
        model: any module that ``bptt.diagnose`` takes, or a skorch net.
        batch: what ``loss`` takes; 8 sequences are enough. The same every time, on the model's device.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        every: training steps from one measurement to the next.
        log: where the figures go: a path for JSON lines (bptt.jsonl if None), a function of one dict, a
            writer, run or logger (TensorBoard, W&B, MLflow, Lightning, Aim, ClearML), or a list of them.
        needed_lag: how far back the task needs the gradient to reach; half of each layer's own steps if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        budget: weight updates of the whole training; with it each line says whether the needed lag will be learnt, and a
            measurement costs nearly twice as much.
        lr: of Adam, which the rate of learning is told for.
        sequences: of a training batch.
        recurrent: the module of one step, as in ``bptt.diagnose``; None for PyTorch's layers, or what is found where there
            is none.

    Raises:
        OptionError: if an argument is not of the kind that is asked for, or the loss fails on the batch.
        ShapeError, DTypeError: if the batch does not fit the model.
        FileError: if the file cannot be written.

    >>> import bptt, torch
    >>> seed = torch.manual_seed(0)
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
        model: Any,
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
        refused: BpttError | None = None
        self._reported: set[str] = set()  # kinds of errors that were logged
        self.steps = 0
        self._block: ExitStack | None = None
        self._clipped: list[bool] = []  # steps with clipping since the last line: did it bind?
        self._finite = True  # the last gradient
        try:
            self.every, needed, largest = whole_numbers(every, needed_lag, max_lag)
            self._training = Training(budget, lr, sequences)
            self.model = as_module(model)
            self._measured = Measured(self.model, batch, loss, needed, largest, recurrent)
            if budget is not None and not self._measured.of_layers:
                raise OptionError(
                    "budget", "None for a recurrence that is not one of PyTorch's layers", str(budget),
                    "Leave it out: a prognosis is made of nn.RNN, nn.LSTM, nn.GRU and their cells.",
                )  # fmt: skip
            self._log = logger_for(log)
            self._try_once()
        except BpttError as error:
            refused = error
        # A rank that waits for one that was refused would wait for ever.
        refused = ranks.refused(refused)
        if refused is not None:
            raise refused

    def _try_once(self) -> None:
        """Refuse what can never be measured; what may pass, a NaN for one, is no reason not to train."""
        with self.training_goes_on(but=(OptionError, ShapeError, DTypeError)):
            self._measured.figures()

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
        after = None if known else self.norm()
        self.advance(after if before is None else before, after, clipped, "before and after")

    def norm(self) -> float | None:
        """‖grad‖₂ of the model as it stands in .grad; None if there is none."""
        norm = None
        with self.training_goes_on():
            norm = gradients.norm(self.model.parameters())
        return norm

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
        with self.training_goes_on(figures):
            bad = gradients.not_finite(self.model)
            figures["bptt/first_nonfinite_parameter"] = bad[0] if bad else None
            figures["bptt/nonfinite"] = len(bad)
            figures |= {"bptt/first_nonfinite_lag": None, "bptt/problem": None}
            figures |= self._measured.figures()
            if not alone:
                figures |= self._measured.look(self.steps, self._training)
        # Whatever failed above, each rank is here: none waits for another in vain.
        with self.training_goes_on():
            if not alone:
                figures = ranks.together(figures)
            if ranks.is_first():
                self._log(figures, self.steps)

    def prognosis(self, budget: int | None = None) -> Prognosis:
        """Whether the training in progress will learn what lies at the needed lag, from what was measured so far.

        It is made like that of a look ahead (``bptt.prognosis``), but from the monitor's own batch. From one measurement it
        cannot tell; from two on it can.

        Args:
            budget: weight updates of the whole training; the monitor's own if None.

        Raises:
            OptionError: if the budget is no whole number from 20, or nothing was measured to foretell from.
        """
        own, looked = self._training.budget, self._measured.looked
        if own is None:
            raise OptionError(
                "monitor", "one that was made with a budget", "one without",
                "Pass bptt.Monitor(..., budget=2000), the weight updates of the training: what a prognosis needs is "
                "measured only then, since it makes a measurement nearly twice as long.",
            )  # fmt: skip
        if not looked:
            raise OptionError(
                "monitor", "measurements of a training, two at least to tell anything", "none yet",
                "Ask after the first steps; if steps were made, see bptt/problem in the log.",
            )  # fmt: skip
        foreseen = Training(own if budget is None else budget).budget or own
        return foretold(self._measured.needed_lag, looked, foreseen)

    @contextmanager
    def training_goes_on(
        self, figures: Figures | None = None, but: tuple[type[BpttError], ...] = ()
    ) -> Iterator[None]:
        """Within it no error ends the training: the first of each kind is logged, by Python's logging.

        Args:
            figures: in which the error is written down too, as bptt/problem.
            but: errors that are raised all the same.
        """
        try:
            yield
        except but:
            raise
        except Exception as error:
            kind = type(error).__name__
            if figures is not None:
                figures["bptt/problem"] = f"{kind}: {error}"
            if kind not in self._reported:
                self._reported.add(kind)
                LOGGER.warning(
                    "bptt.Monitor could not measure %s at step %d. %s: %s Training goes on, and this is not said again.",
                    type(unwrapped(self.model)).__name__, self.steps, kind, error,
                    exc_info=None if isinstance(error, BpttError) else error,
                )  # fmt: skip


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
