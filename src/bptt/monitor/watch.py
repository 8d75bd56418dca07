"""Steps and clipping, seen in a training loop that knows of neither.

Steps: PyTorch's hooks around every optimizer's step. What is seen before the step are the weights that the
gradient was taken at, and the gradient as it will be used; only where the step computes the gradient itself
(a closure) it is there no sooner than after the step.

Clipping: clip_grad_norm_ and clip_grad_value_ have no hooks. While the block lasts, they are replaced by functions
that look and then call them, wherever a module knows them by name.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, optimizer

from bptt.monitor import gradients

Stepped = Callable[[float | None, bool | None], None]


class Watch:
    """Sees a model's training steps.

    Args:
        model: whose parameters.
        stepped: called at each step with ‖grad‖₂ before clipping and whether clipping changed the
            gradient, both None if there was no clipping.
    """

    def __init__(self, model: nn.Module, stepped: Stepped) -> None:
        self.model, self.stepped = model, stepped
        self.norm_before: float | None = None
        self.clipped: bool | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it every step is seen; afterwards everything is as before."""
        with ExitStack() as stack:
            before = optimizer.register_optimizer_step_pre_hook(self._before_step)
            stack.callback(before.remove)
            after = optimizer.register_optimizer_step_post_hook(self._after_step)
            stack.callback(after.remove)
            stack.enter_context(_replaced("clip_grad_norm_", self._norm_clipped))
            stack.enter_context(_replaced("clip_grad_value_", self._value_clipped))
            yield

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if _closure(args, kwargs) is None:
            self._step(optimizer)

    def _after_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if _closure(args, kwargs) is not None:
            self._step(optimizer)

    def _step(self, optimizer: Optimizer) -> None:
        if not self._ours(p for group in optimizer.param_groups for p in group["params"]):
            return
        norm, clipped = self.norm_before, self.clipped
        self._forget()
        self.stepped(norm, clipped)

    def _norm_clipped(self, original: Any, parameters: Any, *args: Any, **kwargs: Any) -> Any:
        parameters = _listed(parameters)
        ours = self._ours(parameters)
        if not ours:
            return original(parameters, *args, **kwargs)
        given = dict(zip(("max_norm", "norm_type"), args, strict=False)) | kwargs
        whole = {id(p) for p in self.model.parameters()} == {id(p) for p in parameters}
        # The usual call computes the very norm that is wanted: it is not taken twice.
        same = whole and float(given.get("norm_type", 2.0)) == 2 and self.clipped is None
        if not same:
            self._look()
        norm = original(parameters, *args, **kwargs)
        before = float(norm)
        if same:
            self.norm_before = before
        self._clip(before > float(given["max_norm"]))
        return norm

    def _value_clipped(self, original: Any, parameters: Any, *args: Any, **kwargs: Any) -> Any:
        parameters = _listed(parameters)
        if self._ours(parameters):
            self._look()
            limit = args[0] if args else kwargs["clip_value"]
            self._clip(gradients.largest(parameters) > float(limit))
        return original(parameters, *args, **kwargs)

    def _look(self) -> None:
        if self.clipped is None:  # the first clipping of this step
            self.norm_before = gradients.norm(self.model.parameters())

    def _clip(self, binds: bool) -> None:
        self.clipped = bool(self.clipped) or binds

    def _forget(self) -> None:
        self.norm_before, self.clipped = None, None

    def _ours(self, parameters: Any) -> bool:
        ids = {id(p) for p in self.model.parameters()}
        return any(id(p) in ids for p in parameters)


def _closure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[1] if len(args) > 1 else kwargs.get("closure")  # args[0] is the optimizer


def _listed(parameters: Any) -> list[Any]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


@contextmanager
def _replaced(name: str, by: Callable[..., Any]) -> Iterator[None]:
    """Within it, calls of torch.nn.utils' function of that name are by(function, ...)."""
    original = getattr(torch.nn.utils, name)

    @functools.wraps(original)
    def instead(*args: Any, **kwargs: Any) -> Any:
        return by(original, *args, **kwargs)

    # Not torch.nn.utils alone: "from torch.nn.utils import clip_grad_norm_" is how most write it.
    holders = [
        vars(module)
        for module in list(sys.modules.values())
        if isinstance(module, ModuleType) and vars(module).get(name) is original
    ]
    for holder in holders:
        holder[name] = instead
    try:
        yield
    finally:
        for holder in holders:
            if holder.get(name) is instead:
                holder[name] = original
