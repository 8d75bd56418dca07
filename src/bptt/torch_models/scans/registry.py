"""Which adapter knows a module: by its class, or by the name of a class whose package need not be there."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

from torch import nn

from bptt.errors import OptionError
from bptt.torch_models.scans.scan import Scan

Adapter = Callable[..., Scan]
Given = TypeVar("Given", bound=Adapter)
_ADAPTERS: dict[str, Adapter] = {}


@overload
def register(cls: type[nn.Module] | str) -> Callable[[Given], Given]: ...


@overload
def register(cls: type[nn.Module] | str, adapter: Given) -> Given: ...


def register(cls: type[nn.Module] | str, adapter: Any = None) -> Any:
    """Say how the recurrence of a module is found; its subclasses that keep its forward pass are known too.

    Args:
        cls: the class, or "package.module.Class".
        adapter: adapter(module, *args, **kwargs) -> ``Scan``, called with what the module was called with; None to
            use ``register`` as a decorator.

    Returns:
        the adapter, or the decorator.

    Raises:
        OptionError: if the class is no class of a module, or the adapter cannot be called.
    """
    if adapter is None:
        return lambda decorated: register(cls, decorated)
    if not isinstance(cls, str) and not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise OptionError(
            "cls", "a class of modules, or its name with its module's", repr(cls),
            "Pass the class itself: register(MyScan, adapter).",
        )  # fmt: skip
    if not callable(adapter):
        raise OptionError(
            "adapter", "a function of (module, *args, **kwargs) that returns a Scan", repr(adapter),
            "See docs/recurrences.md for one.",
        )  # fmt: skip
    _ADAPTERS[cls if isinstance(cls, str) else _name(cls)] = adapter
    return adapter


def adapter_of(module: nn.Module) -> Adapter | None:
    """The adapter of a module; None where it has none, or another forward pass than the class that has one."""
    for kind in type(module).__mro__:
        if _name(kind) in _ADAPTERS:
            same = getattr(type(module), "forward", None) is getattr(kind, "forward", None)
            return _ADAPTERS[_name(kind)] if same else None
    return None


def is_scan(module: nn.Module) -> bool:
    """Whether a module has an adapter."""
    return adapter_of(module) is not None


def scan_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The modules of a model that have an adapter, by path."""
    return {path: m for path, m in model.named_modules() if adapter_of(m) is not None}


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
