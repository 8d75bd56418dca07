"""A model run as it is written: what PyTorch wraps around it for speed or memory is set aside.

torch.compile                          the Python that was compiled runs
torch.utils.checkpoint                 the function runs once, straight
DataParallel, DistributedDataParallel  the module within is called: no replica, no reducer
SyncBatchNorm                          the statistics of this process's own batch: no process waits
LightningModule.log, log_dict          nothing is logged
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
import torch.utils.checkpoint as checkpointing
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bptt.nn import is_accelerated

PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
# Wrappers by the names of their classes, since some live in modules that are slow to import.
WRAPPERS = {
    "DataParallel": "module", "DistributedDataParallel": "module", "AveragedModel": "module",
    "OptimizedModule": "_orig_mod", "CheckpointWrapper": "_checkpoint_wrapped_module",
}  # fmt: skip


@contextmanager
def eagerly(model: nn.Module) -> Iterator[None]:
    """Within it, the model's own Python runs: every call and every operation is seen.

    Args:
        model: the user's.
    """
    with ExitStack() as stack:
        if (
            "torch._dynamo" in sys.modules
        ):  # without it nothing is compiled; it takes seconds to import
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        # What checkpoint() looks up when it is called, however the model came to hold checkpoint() itself.
        stack.enter_context(_with(vars(checkpointing), "CheckpointFunction", _Straight))
        stack.enter_context(
            _with(vars(checkpointing), "_checkpoint_without_reentrant_generator", _nothing_around)
        )
        for module in model.modules():
            for name, function in _instead(module).items():
                stack.enter_context(_with(vars(module), name, function))
        yield


@contextmanager
def recording() -> Iterator[None]:
    """Within it, autograd records, whoever switched that off outside."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own module within wrappers such as DistributedDataParallel or a compiled module."""
    while (inner := _inner(model)) is not None:
        model = getattr(model, inner)
    return model


def without_wrappers(name: str, model: nn.Module) -> str:
    """The path of a module or parameter, as it would be without wrappers around or within the model.

    Args:
        name: as ``named_modules`` or ``named_parameters`` has it: "module._orig_mod.encoder.rnn".
        model: that it belongs to.

    >>> from torch import nn
    >>> from bptt.torch_models.as_found.eagerly import without_wrappers
    >>> without_wrappers("module.0.weight_hh_l0", nn.DataParallel(nn.Sequential(nn.GRU(2, 3))))
    '0.weight_hh_l0'
    """
    kept: list[str] = []
    at: Any = model
    for part in name.split(".") if name else []:
        if part != _inner(at):
            kept.append(part)
        at = getattr(at, part, None)
    return ".".join(kept)


def is_pytorchs(module: nn.Module) -> bool:
    """Whether a module is one of PyTorch's, or ours that computes the same in its place."""
    return is_accelerated(module) or type(module).__module__.startswith("torch.")


def _inner(module: Any) -> str | None:
    """The name under which a wrapper holds what it wraps; None for any other module."""
    for kind in type(module).__mro__:
        if kind.__name__ in WRAPPERS and kind.__module__.startswith("torch."):
            return WRAPPERS[kind.__name__]
    return None


def _instead(module: nn.Module) -> dict[str, Callable[..., Any]]:
    """Methods that are another's for the while."""
    if isinstance(module, PARALLEL):
        return {"forward": partial(_call_within, module)}
    if isinstance(module, nn.SyncBatchNorm):
        return {"forward": partial(_BatchNorm.forward, module)}
    if any(kind.__name__ == "LightningModule" for kind in type(module).__mro__):
        return {"log": _ignore, "log_dict": _ignore}
    return {}


def _call_within(wrapper: Any, *args: Any, **kwargs: Any) -> Any:
    return wrapper.module(*args, **kwargs)


def _ignore(*args: Any, **kwargs: Any) -> None:
    """In the place of a method that logs."""


class _Straight:
    """In the place of checkpoint's autograd function, as its reentrant kind calls it."""

    @staticmethod
    def apply(function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        return function(*args)


def _nothing_around(*args: Any, **kwargs: Any) -> Iterator[None]:
    """In the place of what checkpoint's other kind does before and after the function."""
    yield


@contextmanager
def _with(names: dict[str, Any], name: str, value: Any) -> Iterator[None]:
    """One name of a module or an object bound to another value for the while."""
    missing = object()
    before = names.get(name, missing)
    names[name] = value
    try:
        yield
    finally:
        if before is missing:
            names.pop(name, None)
        else:
            names[name] = before
