"""Gradients through pieces of the graph of a forward pass, by autograd."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from bptt.errors import AgreementError
from bptt.torch_models.capture.calls import Call
from bptt.torch_models.capture.dependence import operations
from bptt.torch_models.capture.gates import Gate

Outputs = Sequence[GradientEdge | Tensor | None]


@contextmanager
def shut(gates: Iterable[Gate | None]) -> Iterator[None]:
    """Within it no gradient passes these gates."""
    closed = [gate for gate in gates if gate is not None]
    for gate in closed:
        gate.set(is_shut=True)
    try:
        yield
    finally:
        for gate in closed:
            gate.set(is_shut=False)


def gradients(
    outputs: Outputs,
    errors: Sequence[Tensor],
    inputs: Sequence[GradientEdge | Tensor],
    *,
    keep_graph: bool = True,
) -> list[Tensor | None]:
    """What errors at the outputs become at the inputs; None where nothing arrives.

    Args:
        outputs: where the errors stand; None where there is nothing to carry them.
        errors: one per output.
        inputs: where they are wanted.
        keep_graph: whether the graph is to be asked again.
    """
    carrying = [(o, e) for o, e in zip(outputs, errors, strict=True) if o is not None]
    if not carrying or not inputs:
        return [None] * len(inputs)
    starts, sent = zip(*carrying, strict=True)
    wanted: Any = inputs
    return list(
        torch.autograd.grad(starts, wanted, sent, retain_graph=keep_graph, allow_unused=True)
    )


def at_outputs(
    outputs: Outputs, errors: Sequence[Tensor], calls: Sequence[Call]
) -> list[list[Tensor | None]]:
    """What errors become at the outputs of some calls, one list per call.

    Args:
        outputs: where the errors stand; None where there is nothing to carry them.
        errors: one per output.
        calls: at whose outputs they are wanted.
    """
    edges = [edge for call in calls for edge in call.out.edges]
    grads = iter(gradients(outputs, errors, edges))
    return [[next(grads) for _ in call.out.edges] for call in calls]


def back_through(
    entries: Sequence[GradientEdge | None], errors: Sequence[Tensor], calls: Sequence[Call]
) -> list[list[Tensor | None]]:
    """The same through no other of these calls: what lies between them and the entries alone.

    Args:
        entries: what went into a gate of a later call.
        errors: one per entry.
        calls: that it was made of.

    Raises:
        AgreementError: if an operation in between does not give its gradient, or not more than once.
    """
    with shut(call.out for call in calls):
        try:
            return at_outputs(entries, errors, calls)
        except Exception as error:
            raise AgreementError(
                calls[0].path or "model",
                "states that are passed on by operations whose gradient can be taken at any time",
                f"{', '.join(operations(entries, calls))}: {type(error).__name__}: {error}",
                "Pass the state on by other operations, or detach it, which ends lag there.",
            ) from error
