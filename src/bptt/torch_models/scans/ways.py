r"""Which part of the gradient goes by the recurrences, and which around them: of a hybrid, attention beside recurrence.

    ∂E/∂x_s = (ways that take no step from state to state) + (ways that take at least one)

The first is autograd's gradient of the same loss once every S_{t-1} that a step takes up is cut off: S_t is what it was, so E is
too. The second is the difference, exactly, since a gradient is a sum over ways.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bptt.arrays import Array
from bptt.errors import AgreementError, OptionError
from bptt.torch_models.as_found import copied, eagerly, untouched
from bptt.torch_models.capture import Loss
from bptt.torch_models.nonfinite.numbers import tensors
from bptt.torch_models.scans.calls import with_first
from bptt.torch_models.scans.registry import adapter_of, scan_modules


@dataclass(frozen=True, eq=False)
class WaysBack:
    """The gradient by the inputs of each step, T of them, and how it comes there.

    Attributes:
        whole: (T,) ‖∂E/∂x_s‖, over sequences and features.
        around: (T,) the same of the ways that take no step from state to state: attention, convolutions, the step itself.
        by_recurrence: (T,) the same of all other ways.
        share: (T,) ⟨by recurrence, whole⟩ / ‖whole‖²; what goes around has the rest of 1. NaN where the whole is zero.
    """

    whole: Array
    around: Array
    by_recurrence: Array
    share: Array


def ways_back(model: nn.Module, batch: Any, loss: Loss) -> WaysBack:
    """How the gradient gets back to the inputs of each step: by the recurrences that are known, or around them.

    A loss at the last step alone has it by lag: step s lies T - 1 - s steps back.

    Args:
        model: the user's; it is left as it was.
        batch: whatever ``loss`` takes; inputs are what its first nn.Embedding returns, else the first tensor of real
            numbers in it.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.

    Raises:
        OptionError: if no module has an adapter, or the loss does not depend on the inputs.
        AgreementError: if the loss is another one with the recurrences cut: something draws random numbers, or an adapter
            is wrong.
    """
    modules = scan_modules(model)
    if not modules:
        raise OptionError(
            "model", "a module whose recurrence is known", type(model).__name__,
            "Register an adapter that finds it: bptt.torch_models.register(Class, adapter).",
        )  # fmt: skip
    (E, whole), (E_cut, around) = (_gradient(model, batch, loss, cut) for cut in ({}, modules))
    limit = 1e4 * torch.finfo(whole.dtype).eps * max(abs(E), 1.0)
    if not abs(E - E_cut) <= limit:
        raise AgreementError(
            "loss", f"the same with the recurrences cut, {E:.6g}", f"{E_cut:.6g}",
            "Call model.eval(), or set dropout to 0.",
        )  # fmt: skip

    def norms(part: Tensor) -> Array:
        return part.double().transpose(0, 1).flatten(1).norm(dim=1).cpu().numpy()  # type: ignore[no-any-return]

    carried = whole - around
    inner = (carried.double() * whole.double()).transpose(0, 1).flatten(1).sum(1)
    square = whole.double().square().transpose(0, 1).flatten(1).sum(1)
    share = torch.where(square > 0, inner / square, torch.nan)
    return WaysBack(norms(whole), norms(around), norms(carried), share.cpu().numpy())


def _gradient(
    model: nn.Module, batch: Any, loss: Loss, cut: dict[str, nn.Module]
) -> tuple[float, Tensor]:
    """The loss and its gradient by the inputs, with the recurrences of some modules cut."""
    with ExitStack() as stack:
        stack.enter_context(untouched(model))
        stack.enter_context(eagerly(model))
        stack.enter_context(torch.enable_grad())
        for module in cut.values():
            stack.enter_context(_cut(module))
        embeddings: list[Tensor] = []
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                hook = module.register_forward_hook(
                    lambda m, args, out: (
                        embeddings.append(out.requires_grad_()) if not embeddings else None
                    )
                )
                stack.callback(hook.remove)
        given = copied(batch, name="batch", why="its gradient is asked for")
        first = next((t for t in tensors(given) if t.is_floating_point()), None)
        if first is not None:
            first.requires_grad_()
        E = loss(model, given)
        inputs = embeddings[0] if embeddings else first
        grad = None
        if inputs is not None and E.requires_grad:
            (grad,) = torch.autograd.grad(E, [inputs], allow_unused=True)
        if grad is None or grad.dim() < 3:
            raise OptionError(
                "batch", "inputs (B, T, ·) that the loss depends on", "none",
                "Pass real numbers, or token numbers to a model with an nn.Embedding.",
            )  # fmt: skip
        return float(E.detach()), grad


@contextmanager
def _cut(module: nn.Module) -> Iterator[None]:
    """Within it, the module's output is what it was, but no step takes up the state before it with its graph."""
    adapter = adapter_of(module)
    assert adapter is not None  # it was found by it

    def instead(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        scan = adapter(module, *args, **kwargs)
        recurrence = scan.recurrence
        states = recurrence.states()
        read = scan.read(recurrence.step(recurrence.taken_up(states), recurrence.factors))
        return with_first(output, read)

    hook = module.register_forward_hook(instead, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
