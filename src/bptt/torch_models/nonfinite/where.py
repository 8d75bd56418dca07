"""The first thing that is not finite, in a sentence or two.

The loss is run once more. From what is not finite at its end the way leads back, through operations whose inputs
are not finite either, to the first that makes such a number of finite ones; to a parameter; or to the batch.
A mask of -inf that a softmax turns into zeros is on no such way.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from bptt.torch_models.as_found import eagerly, untouched
from bptt.torch_models.nonfinite.backward import backward_origin
from bptt.torch_models.nonfinite.numbers import (
    finite,
    has_nan,
)
from bptt.torch_models.nonfinite.sources import Sources
from bptt.torch_models.nonfinite.states import is_recurrent, overflow
from bptt.torch_models.nonfinite.watch import Operation, Watch
from bptt.torch_models.nonfinite.words import of_operation, unseen

RECURRENT = (nn.RNNBase, nn.RNNCellBase)


def where_not_finite(model: nn.Module, batch: Any, loss: Callable[[nn.Module, Any], Tensor]) -> str:
    """Where the first number that is not finite comes from, and what to do about it.

    Args:
        model: any module; left as it was found.
        batch: whatever ``loss`` takes.
        loss: called once as loss(model, batch); the loss before ``.backward()``.

    Returns:
        one or two sentences: the batch, a parameter, the module and the operation, or a recurrent layer with step,
        sequence and unit; of a loss that is finite, the same for the backward pass.

    >>> import torch
    >>> batch = torch.ones(4, 2, 3)
    >>> batch[3, 1, 0] = torch.nan
    >>> where_not_finite(torch.nn.GRU(3, 5), batch, lambda model, x: model(x)[0].sum())
    'The batch itself is not finite: batch is nan at [3, 1, 0]. Clean the data, or mask what is missing.'
    """
    watch = Watch(model)
    modules = [m for m in model.modules() if isinstance(m, RECURRENT)]
    with (
        untouched(model),
        eagerly(model),
        torch.enable_grad(),
        torch.backends.cudnn.flags(enabled=False),
    ):
        for parameter in (p for module in modules for p in module.parameters()):
            parameter.requires_grad_(True)  # also of a layer that is not trained
        sources = Sources(model, batch)
        try:
            with watch.watching():
                E = loss(model, batch)
        except Exception as error:  # what is known already is the better error
            return f"Run once more, the loss raised {type(error).__name__}: pass a batch that can be read twice."
        if not finite(E):
            last = watch.maker(E)
            return _words([last] if last is not None else [], E, watch, model, sources)
        states = [
            o for o in watch.operations if is_recurrent(o) and not all(map(finite, o.outputs))
        ]
        if states:
            return _words(states[:1], states[0].bad, watch, model, sources)
        return backward_origin(E, watch, model)


CONSTANT = "The loss returns a constant that is not finite."


def _words(
    ends: list[Operation], value: Tensor, watch: Watch, model: nn.Module, sources: Sources
) -> str:
    """Of what is not finite at the end of a forward pass."""
    order = {id(operation): number for number, operation in enumerate(watch.operations)}
    ancestors = sorted(_ancestors(ends), key=lambda o: order.get(id(o), len(order)))
    for operation in ancestors:
        if named := sources.among(operation.leaves):
            return named
        if operation.leaves:
            return sources.in_batch() or unseen(operation, watch)
        if not operation.inputs and not operation.constant and (read := sources.in_batch()):
            return read
        if not operation.parents and not operation.constant:
            if is_recurrent(operation):
                return overflow(operation, watch, model)
            return of_operation(operation, watch, model)
    if not ancestors:
        return sources.among([value]) or sources.in_batch() or CONSTANT
    # Infinities that were written on purpose: the first operation that makes a NaN of them, or the last that reads.
    for operation in ancestors:
        if has_nan(operation.bad) and not operation.constant:
            return of_operation(operation, watch, model)
    return sources.in_batch() or of_operation(ancestors[-1], watch, model)


def _ancestors(ends: Iterable[Operation]) -> list[Operation]:
    """These operations and all before them whose outputs are not finite."""
    seen: dict[int, Operation] = {}
    queue = list(ends)
    while queue:
        operation = queue.pop()
        if id(operation) not in seen:
            seen[id(operation)] = operation
            queue += operation.parents
    return list(seen.values())
