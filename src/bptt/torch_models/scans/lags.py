"""Every module of a model whose recurrence is known, by lag."""

from collections.abc import Collection
from typing import Any

from torch import nn

from bptt.arrays import as_whole
from bptt.torch_models.capture import Loss
from bptt.torch_models.scans.calls import scan_calls
from bptt.torch_models.scans.measured import ScanLags, measured


def scan_lags(
    model: nn.Module, batch: Any, loss: Loss, max_lag: int | None = None, *, among: Collection[str] | None = None
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
    with scan_calls(model, batch, loss, among) as found:
        lags = {}
        for call in found.calls:
            if call.error is None or not bool(call.error.any()):
                continue
            whole = {name: found.whole.get(id(p)) for name, p in call.module.named_parameters()}
            lags[call.name] = measured(call, whole, max_lag)
            call.args, call.kwargs = (), {}
    return lags, found.E
