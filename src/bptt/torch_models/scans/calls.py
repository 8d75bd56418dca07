"""The calls of modules that have an adapter, within the user's own loss, and the error at what each returned."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from bptt.errors import NonFiniteError, OptionError
from bptt.torch_models.as_found import copied, eagerly, untouched, without_wrappers
from bptt.torch_models.capture import Loss, one_number
from bptt.torch_models.capture.carry import gradients, shut
from bptt.torch_models.capture.gates import Gate
from bptt.torch_models.nonfinite.numbers import finite, tensors
from bptt.torch_models.scans.kinds import LinearRecurrence
from bptt.torch_models.scans.registry import adapter_of, scan_modules
from bptt.torch_models.scans.scan import Scan


@dataclass(eq=False)
class ScanCall:
    """One call of one module.

    Attributes:
        name: path of the module, or its class where it is the model itself; with the number of the call where it was
            called several times.
        path: of the module.
        module: the module.
        args: what it was called with, copies without a graph.
        kwargs: likewise, by name.
        output: what it returned, the first tensor of it, without its graph.
        gate: that it passed on its way to the rest of the model; None once the graph was let go.
        error: the gradient of the loss by it; None where the loss does not depend on it.
    """

    name: str
    path: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor
    gate: Gate | None
    error: Tensor | None = None

    @property
    def edge(self) -> GradientEdge:
        """Where what it returned stands in the graph."""
        assert self.gate is not None  # not yet let go
        return self.gate.edges[0]

    @property
    def steps_and_sequences(self) -> tuple[int, int]:
        """T and B."""
        shape = self.output.shape
        return (shape[1], shape[0]) if len(shape) > 2 else (shape[0], 1)


@dataclass(eq=False)
class ScanCalls:
    """All calls in one pass through a model.

    Attributes:
        calls: in order.
        E: the loss.
        whole: the gradient by each parameter of the modules, by id; None where the loss does not depend on it.
        graph: the loss with its graph; None once it was let go.
    """

    calls: list[ScanCall]
    E: float
    whole: dict[int, Tensor | None]
    graph: Tensor | None

    def direct(self) -> list[Tensor | None]:
        """What the loss sends to the output of each call by no other of the calls: at a step, that of the same step."""
        assert self.graph is not None  # not yet let go
        with shut(call.gate for call in self.calls if call.gate is not None):
            return gradients(
                [self.graph], [torch.ones_like(self.graph)], [call.edge for call in self.calls]
            )

    def through_all(self, direct: list[Tensor | None]) -> list[Tensor | None]:
        """What some of it becomes at every output, by all calls on top.

        Args:
            direct: errors at the outputs.
        """
        sent = [(c.edge, e) for c, e in zip(self.calls, direct, strict=True) if e is not None]
        return gradients(
            [edge for edge, _ in sent], [error for _, error in sent], [c.edge for c in self.calls]
        )

    def let_go(self) -> None:
        """Of the graph, which takes memory."""
        self.graph = None
        for call in self.calls:
            call.gate = None


@contextmanager
def scan_calls(
    model: nn.Module, batch: Any, loss: Loss, among: Collection[str] | None = None, *, flat_too: bool = False
) -> Iterator[ScanCalls]:  # fmt: skip
    """Run loss(model, batch), and within it have the calls with their errors; the model is left as it was.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        among: paths of the modules to look at; None for all that have an adapter.
        flat_too: whether a gradient that is zero everywhere, or not finite, is a result.

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
            "Register an adapter that finds it: bptt.torch_models.register(Class, adapter); docs/recurrences.md has an example.",
        )  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(untouched(model))
        stack.enter_context(eagerly(model))
        stack.enter_context(torch.enable_grad())
        calls: list[ScanCall] = []
        stack.enter_context(_recorded(model, modules, calls))
        E = loss(model, batch)
        one_number(E)
        if not finite(E) and not flat_too:
            raise NonFiniteError(
                "loss", "a finite number", str(float(E.detach())), "See where_not_finite."
            )
        found = ScanCalls(calls, float(E.detach()), _errors(E, calls, flat_too), E)
        del E
        yield found


def _errors(E: Tensor, calls: list[ScanCall], flat_too: bool) -> dict[int, Tensor | None]:
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
        grads = torch.autograd.grad(
            E, [*edges, *parameters.values()], allow_unused=True, retain_graph=True
        )
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
        if error is not None and not flat_too and not finite(error):
            raise NonFiniteError(
                f"loss, at the output of {call.name}", "a finite gradient", "one that is not",
                "bptt.torch_models.where_not_finite says where it comes from.",
            )  # fmt: skip
    if not flat_too and all(c.error is None or not bool(c.error.any()) for c in calls):
        raise OptionError(
            "loss", "a gradient that is not zero", f"one that is zero at the output of {calls[-1].name}",
            "Use what the module returns in the loss, or another batch.",
        )  # fmt: skip
    return dict(zip(parameters, grads[len(calls) :], strict=True))


def with_first(output: Any, tensor: Tensor) -> Any:
    """What a module returned, with another in the place of its first tensor.

    Args:
        output: a tensor, or a tuple, list or mapping of some.
        tensor: to stand in its place.
    """
    if isinstance(output, Tensor):
        return tensor
    if isinstance(output, Mapping):
        first = next(key for key, part in output.items() if isinstance(part, Tensor))
        other = copy(output)
        other[first] = tensor  # type: ignore[index]  # of those that a module returns all can be written into
        return other
    place = next(n for n, part in enumerate(output) if isinstance(part, Tensor))
    parts = [*output[:place], tensor, *output[place + 1 :]]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)


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

    def after(path: str, module: nn.Module, output: Any) -> Any:
        first = next(tensors(output), None)
        if first is None or first.grad_fn is None:
            return None
        plain = without_wrappers(path, model)
        name = plain or type(module).__name__
        counts[name] = counts.get(name, 0) + 1
        label = name if counts[name] == 1 else f"{name} (call {counts[name]})"
        args, kwargs = given.pop(id(module))
        gate = Gate((first,))
        calls.append(ScanCall(label, plain, module, args, kwargs, first.detach().clone(), gate))
        return with_first(output, gate.handed_over()[0])

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


def scan_of(call: ScanCall) -> Scan:
    """What the adapter says of a call.

    Args:
        call: of a module that has one.

    Raises:
        OptionError: if it returns no Scan.
    """
    adapter = adapter_of(call.module)
    assert adapter is not None  # the module was found by it
    with torch.enable_grad():
        scan = adapter(call.module, *call.args, **call.kwargs)
    if not isinstance(scan, Scan) or not isinstance(scan.recurrence, LinearRecurrence):
        raise OptionError(
            f"the adapter of {type(call.module).__name__}", "a bptt.torch_models.Scan", type(scan).__name__,
            "Return Scan(Decay(a, b), read); docs/recurrences.md has an example.",
        )  # fmt: skip
    return scan
