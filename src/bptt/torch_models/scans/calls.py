"""The calls of modules that have an adapter, within the user's own loss, and the error at what each returned."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from bptt.errors import NonFiniteError, OptionError
from bptt.torch_models.as_found import copied, eagerly, untouched, without_wrappers
from bptt.torch_models.capture import Loss, one_number
from bptt.torch_models.nonfinite.numbers import finite, tensors
from bptt.torch_models.scans.registry import scan_modules


@dataclass(eq=False)
class ScanCall:
    """One call of one module.

    Attributes:
        name: path of the module; with the number of the call where it was called several times.
        module: the module.
        args: what it was called with, copies without a graph.
        kwargs: likewise, by name.
        output: what it returned, the first tensor of it, without its graph.
        edge: where that stands in the graph.
        error: the gradient of the loss by it; None where the loss does not depend on it.
    """

    name: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor
    edge: GradientEdge
    error: Tensor | None = None


@dataclass(eq=False)
class ScanCalls:
    """All calls in one pass through a model.

    Attributes:
        calls: in order.
        E: the loss.
        whole: the gradient by each parameter of the modules, by id; None where the loss does not depend on it.
    """

    calls: list[ScanCall]
    E: float
    whole: dict[int, Tensor | None]


@contextmanager
def scan_calls(
    model: nn.Module, batch: Any, loss: Loss, among: Collection[str] | None = None
) -> Iterator[ScanCalls]:
    """Run loss(model, batch), and within it have the calls with their errors; the model is left as it was.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        among: paths of the modules to look at; None for all that have an adapter.

    Raises:
        OptionError: if there is no such module, it was not called, or the loss is no number or does not depend on it.
        NonFiniteError: if the loss or its gradient is not finite.
    """
    modules = {
        path: m for path, m in scan_modules(model).items()
        if among is None or without_wrappers(path, model) in among
    }  # fmt: skip
    if not modules:
        kind = type(model).__name__ if among is None else ", ".join(among)
        raise OptionError(
            "model", "a module whose recurrence is known", kind,
            "Say where it is: bptt.torch_models.register(Class, adapter); docs/recurrences.md has an example.",
        )  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(untouched(model))
        stack.enter_context(eagerly(model))
        stack.enter_context(torch.enable_grad())
        calls: list[ScanCall] = []
        stack.enter_context(_recorded(model, modules, calls))
        E = loss(model, batch)
        one_number(E)
        if not finite(E):
            raise NonFiniteError(
                "loss", "a finite number", str(float(E.detach())), "See where_not_finite."
            )
        yield ScanCalls(calls, float(E.detach()), _errors(E, calls))


def _errors(E: Tensor, calls: list[ScanCall]) -> dict[int, Tensor | None]:
    """Give each call its error; the gradient by the parameters of their modules, of one backward pass."""
    if not calls or not E.requires_grad:
        raise OptionError(
            "loss", "one that depends on a module whose recurrence is known", "one that does not",
            "Call the model in it, outside torch.no_grad(), and use what comes out.",
        )  # fmt: skip
    parameters = {
        id(p): p for call in calls for p in call.module.parameters() if p.requires_grad
    }  # fmt: skip
    edges: list[Any] = [call.edge for call in calls]
    try:
        grads = torch.autograd.grad(E, [*edges, *parameters.values()], allow_unused=True)
    except RuntimeError as refused:
        if "modified by an inplace operation" not in str(refused):
            raise
        raise OptionError(
            "loss", "one that autograd can go back through", str(refused).split(":")[0],
            "A model that keeps its states from call to call may write over them: pass use_cache=False, or call "
            "model.train().",
        ) from refused  # fmt: skip
    for call, error in zip(calls, grads, strict=False):
        call.error = error
        if error is not None and not finite(error):
            raise NonFiniteError(
                f"loss, at the output of {call.name}", "a finite gradient", "one that is not",
                "bptt.torch_models.where_not_finite says where it comes from.",
            )  # fmt: skip
    if all(call.error is None or not bool(call.error.any()) for call in calls):
        raise OptionError(
            "loss", "a gradient that is not zero", f"one that is zero at the output of {calls[-1].name}",
            "Use what the module returns in the loss, or another batch.",
        )  # fmt: skip
    return dict(zip(parameters, grads[len(calls) :], strict=True))


@contextmanager
def _recorded(
    model: nn.Module, modules: dict[str, nn.Module], calls: list[ScanCall]
) -> Iterator[None]:
    """Within it, each call of these modules is noted down."""
    given: dict[int, tuple[Any, Any]] = {}
    counts: dict[str, int] = {}

    def before(module: nn.Module, args: Any, kwargs: Any) -> None:
        # The call may write over what it is given: a cache, a state.
        given[id(module)] = copied(
            (args, kwargs), shared=(module,), name="call", why="it is run again"
        )

    def after(path: str, module: nn.Module, output: Any) -> None:
        first = next(tensors(output), None)
        if first is None or first.grad_fn is None:
            return
        name = without_wrappers(path, model) or type(module).__name__
        counts[name] = counts.get(name, 0) + 1
        label = name if counts[name] == 1 else f"{name} (call {counts[name]})"
        args, kwargs = given.pop(id(module))
        calls.append(
            ScanCall(label, module, args, kwargs, first.detach().clone(), get_gradient_edge(first))
        )

    with ExitStack() as stack:
        for path, module in modules.items():
            hooks = (
                module.register_forward_pre_hook(before, prepend=True, with_kwargs=True),
                module.register_forward_hook(
                    lambda m, args, output, path=path: after(path, m, output), prepend=True
                ),
            )
            for hook in hooks:
                stack.callback(hook.remove)
        yield
