"""How a batch was read: steps by sequences, and whether that looks like a ``batch_first`` that is missing."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from bptt.presentation.formatting import counted
from bptt.torch_models.capture import Call, Captured


def read_as(captured: Captured, batch: Any, longest: int) -> str:
    """How the recurrent layers read the batch, in a line.

    Args:
        captured: their calls.
        batch: as the user passed it.
        longest: steps of the longest chain of calls.
    """
    call = max(captured.calls, key=lambda call: (call.steps, len(call.lengths)))
    B = len(call.lengths)
    size = f"{counted(longest, 'step')} × {counted(B, 'sequence')}"
    doubt = _doubt(captured, call, batch)
    if not doubt:
        return size
    name = call.path or "the model"
    return (
        f"{size}; {doubt}, and {name} reads time along the first axis. If the first axis is the batch, batch_first=True is "
        "missing"
    )


def _doubt(captured: Captured, call: Call, batch: Any) -> str:
    """What speaks against the order of the axes; "" if nothing does."""
    B = len(call.lengths)
    if call.is_cell or call.batch_first or call.batch_sizes is not None or B < 2:
        return ""
    reached = torch.zeros(B, dtype=torch.bool)
    for own in captured.calls:
        if len(own.lengths) == B and own.path == call.path and own.batch_sizes is None:
            reached |= _reached(own, captured, B)
    if int(reached.sum()) == 1:
        return "the loss sends a gradient to one sequence alone"
    labels = any(t.dim() == 1 and len(t) == call.steps for t in _tensors(batch))
    if labels and call.steps != B:
        return f"there are {call.steps} labels, as many as steps"
    return ""


def _reached(call: Call, captured: Captured, B: int) -> Tensor:
    """(B,) which sequences of a call get a gradient."""
    reached = torch.zeros(B, dtype=torch.bool)
    for number, grad in enumerate(captured.immediate[call.index]):
        if grad is not None:
            axis = 0 if call.is_cell or (call.batch_first and number == 0) else 1
            reached |= (grad != 0).movedim(axis, 0).flatten(1).any(1).cpu()
    return reached


def _tensors(batch: Any) -> Iterator[Tensor]:
    """The tensors in a batch."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for part in batch.values():
            yield from _tensors(part)
    elif isinstance(batch, list | tuple):
        for part in batch:
            yield from _tensors(part)
