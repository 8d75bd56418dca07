"""Every module of a model whose recurrence is known, by lag."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bptt.arrays import Array, as_whole
from bptt.presentation.progress import Update
from bptt.torch_models.capture import Loss
from bptt.torch_models.decompose.bounds import SECONDS, Bounds
from bptt.torch_models.scans.call_states import CallStates, only_at
from bptt.torch_models.scans.calls import ScanCall, ScanCalls, scan_calls
from bptt.torch_models.scans.measured import ScanLags, measured
from bptt.torch_models.scans.some_sequences import Some


def scan_lags(
    model: nn.Module, batch: Any, loss: Loss, max_lag: int | None = None, *, among: Collection[str] | None = None,
    bounds: Bounds | None = None,
) -> tuple[dict[str, ScanLags], float]:  # fmt: skip
    """The gradient by lag of every module that has an adapter, within the user's own loss.

    Each is a recurrence of its own: the error at its own output, whatever came between there and the loss, is carried
    back through its own states.

    Args:
        model: the user's; it is left as it was.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        max_lag: the largest lag to compute; None for all.
        among: paths of the modules to measure; None for all.
        bounds: what the measurement may take, with a largest lag of its own; None for all sequences.

    Returns:
        what was measured by the module's path, in the order of the calls, and the loss.

    Raises:
        OptionError: if there is no such module, or the loss does not depend on it.
        AgreementError: if what an adapter reads from the states is not what the module returned.
        ResidualError: if the lags do not add up to autograd's gradient.
        NonFiniteError: if the loss or its gradient is not finite.
    """
    if max_lag is not None:
        max_lag = as_whole("max_lag", max_lag, least=0)
    bounds = bounds or Bounds("all", max_lag)
    with scan_calls(model, batch, loss, among) as found:
        lags: dict[str, ScanLags] = {}
        through = _through_all(found)
        found.let_go()
        calls = list(found.calls)  # a check may call the module again
        each = replace(bounds, seconds=(bounds.seconds or SECONDS) / len(calls))
        for call, error in zip(calls, through, strict=True):
            if call.error is None or not bool(call.error.any()):
                continue
            whole = {name: found.whole.get(id(p)) for name, p in call.module.named_parameters()}
            own = measured(call, whole, each, _part_of(bounds.update, len(lags), len(calls)))
            lags[call.name] = own if error is None else replace(own, through_all=_by_lag(call, error, own.some))  # fmt: skip
            call.args, call.kwargs = (), {}
    return lags, found.E


def _through_all(found: ScanCalls) -> list[Tensor | None]:
    """What the last loss step sends to the output of each of several modules, by all of them together; else None of each."""
    sizes = {call.steps_and_sequences for call in found.calls}
    nothing: list[Tensor | None] = [None] * len(found.calls)
    if len(found.calls) < 2 or len(sizes) > 1 or any(c.output.ndim < 3 for c in found.calls):
        return nothing
    direct = found.direct()
    reached = torch.stack([e.flatten(2).any(2).any(0) for e in direct if e is not None]).any(0)
    if not bool(reached.any()):
        return nothing
    last = int(reached.nonzero()[-1])
    return found.through_all([None if e is None else only_at(e, last, e[:, last]) for e in direct])


def _part_of(update: Update | None, done: int, of: int) -> Update | None:
    """Shows how far one of several modules has come, all of them together."""
    if update is None:
        return None
    return lambda own, total, note="": update(done * total + own, of * total, note)


def _by_lag(call: ScanCall, error: Tensor, some: Some | None) -> Array:
    """(K,) log10 of the signal on the states, from the step of the loss that reaches them last back."""
    if some is not None:
        call = some.call(replace(call, error=error))
        assert call.error is not None
        error = call.error
    own = CallStates(call)
    squares = own.mean_squares(own.carried(error))
    last = int(np.flatnonzero(squares)[-1]) if squares.any() else 0
    with np.errstate(divide="ignore"):
        return np.asarray(0.5 * np.log10(squares[: last + 1][::-1]))
