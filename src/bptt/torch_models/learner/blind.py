"""The loss of a model to which all sequences of a batch show the same states: what it can do without telling them apart.

In the place of what a recurrent call computed stands the mean of it over the sequences, at every step, whatever goes into
the call: a state that is passed on from step to step is the mean of the true states too.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from bptt.torch_models.as_found import eagerly, untouched
from bptt.torch_models.capture import Call, Loss
from bptt.torch_models.capture.calls import OF_CELLS, OVER_SEQUENCES


def blind_loss(model: nn.Module, batch: Any, loss: Loss, calls: Sequence[Call]) -> float:
    """The loss where every sequence shows the mean state.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        calls: the recurrent calls of the same model on the same batch, in order.
    """
    with untouched(model), eagerly(model), torch.enable_grad(), _MeanStates(calls):
        return float(loss(model, batch).detach())


class _MeanStates(TorchFunctionMode):
    """Within it recurrent functions hand out the mean over the sequences of what they computed before."""

    def __init__(self, calls: Sequence[Call]) -> None:
        super().__init__()
        self._calls = iter(calls)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call it; a recurrent function is answered, as ``Calls`` saw it."""
        kwargs = kwargs or {}
        known = func in OVER_SEQUENCES or func in OF_CELLS
        if kwargs or not known or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        call = next(self._calls, None)
        if call is None or call.x.shape != args[0].shape:
            return func(*args)  # the model makes other calls once it sees the mean
        means = tuple(_mean(call, output, n) for n, output in enumerate(call.outputs))
        return means[0] if call.is_cell and len(means) == 1 else means


def _mean(call: Call, output: Tensor, number: int) -> Tensor:
    """One output of a call, its mean over the sequences in the place of each."""
    if call.is_cell:
        return _shared(output, 0)
    if number in range(*call.final.indices(len(call.outputs))):
        return _shared(output, 1)
    if call.batch_sizes is not None:
        steps = torch.split(output, call.batch_sizes.tolist())
        return torch.cat([_shared(step, 0) for step in steps])
    return _shared(output, 0 if call.batch_first else 1)


def _shared(output: Tensor, dim: int) -> Tensor:
    """The mean over a dimension, in memory of its own for each: models write into what they are handed."""
    return output.mean(dim, keepdim=True).expand_as(output).clone()
