"""From the loss backwards: the first function whose incoming gradient is finite and whose outgoing one is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bptt.torch_models.as_found import is_pytorchs
from bptt.torch_models.nonfinite.numbers import finite, place, short
from bptt.torch_models.nonfinite.watch import Operation, Watch
from bptt.torch_models.nonfinite.words import CURES, call_of, located, plain, quoted

AGAIN = "Run once more, the loss and its gradient were finite: they depend on random numbers or on a state."


@dataclass(frozen=True, eq=False)
class Culprit:
    """The first function on the way back with a gradient that is not finite.

    Attributes:
        node: of the graph.
        gradient: that is not finite.
        arrived: whether it came in so, though no function sent it.
    """

    node: Any
    gradient: Tensor
    arrived: bool


def backward_origin(E: Tensor, watch: Watch, model: nn.Module) -> str:
    """In sentences, of a loss that is finite; the gradients of the parameters stay as they are."""
    if not E.requires_grad:
        return AGAIN
    nodes = list(_nodes(E.grad_fn))
    operations = _owners(watch, nodes)
    culprits: list[Culprit] = []
    handles = []
    for node in nodes:
        handles.append(node.register_hook(_listener(node, culprits)))
    leaves = [node.variable for node in nodes if hasattr(node, "variable")]
    try:
        torch.autograd.grad(E, leaves, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    if not culprits:
        return AGAIN
    first = culprits[0]
    return _words(first, operations.get(id(first.node)), watch)


def _listener(node: Any, culprits: list[Culprit]) -> Any:
    def listen(sent: Any, received: Any) -> None:
        for values, arrived in ((received, True), (sent, False)):
            bad = [value for value in values if value is not None and not finite(value)]
            if bad and not culprits:
                culprits.append(Culprit(node, bad[0], arrived))

    return listen


def _nodes(root: Any) -> Iterator[Any]:
    """Every node of a graph once."""
    seen, queue = {id(root)}, [root]
    while queue:
        node = queue.pop()
        yield node
        for following, _ in node.next_functions:
            if following is not None and id(following) not in seen:
                seen.add(id(following))
                queue.append(following)


def _owners(watch: Watch, nodes: list[Any]) -> dict[int, Operation]:
    """Which operation made a node: that of an output, and of all between it and the operation's inputs."""
    known = {id(node) for node in nodes}
    owners: dict[int, Operation] = {}
    for operation in watch.operations:
        queue = [out.grad_fn for out in operation.outputs if out.grad_fn is not None]
        while queue:
            node: Any = queue.pop()
            if node is None or id(node) in owners or id(node) not in known:
                continue
            owners[id(node)] = operation
            queue += [following for following, _ in node.next_functions]
    return owners


def _words(first: Culprit, operation: Operation | None, watch: Watch) -> str:
    node, gradient = first.node, first.gradient
    own = isinstance(node, torch.autograd.function.BackwardCFunction)
    function = node.name().removesuffix("Backward") if own else ""
    if first.arrived and operation is not None:
        return (
            f"On the way back from the loss, the gradient by what `{plain(operation.name)}` gives "
            f"{located(operation.visit, watch)} is the first that is not finite: {place(gradient)}. No function sent it so: "
            "it is a sum that leaves its type, or a hook on that tensor changes it."
        )
    if function:
        return (
            f"On the way back from the loss, the backward of your function `{function}` is the first that "
            f"sends on a gradient which is not finite: {place(gradient)}."
        )
    if operation is None:
        return f"The gradient is finite up to {node.name()}, and {place(gradient)} after it."
    name, visit = plain(operation.name), operation.visit
    subject = f"`{name}` {located(visit, watch)}"
    if visit is not None and is_pytorchs(visit.module):
        kind = type(visit.module).__name__
        subject = f"{visit.path or 'the model'} ({kind}{call_of(visit, watch)})"
    sentence = (
        f"On the way back from the loss, {subject} is the first that sends on a gradient which is not finite: "
        f"{place(gradient)}{_of(operation, gradient)}."
    )
    if line := quoted(operation.line):
        sentence += f" The line is {line}."
    cure = next((text for part, text in CURES.items() if part in name.lower()), "")
    return f"{sentence} {cure}".rstrip()


def _of(operation: Operation, gradient: Tensor) -> str:
    """The argument at that place: ", where the argument is 0"."""
    like = [value for value in operation.inputs if value.shape == gradient.shape]
    if len(like) != 1 or len(operation.outputs) > 1 or not operation.unchanged:
        return ""
    index = (~torch.isfinite(gradient)).nonzero()[0].tolist()
    return f", where its argument is {short(like[0].detach()[tuple(index)].item())}"
