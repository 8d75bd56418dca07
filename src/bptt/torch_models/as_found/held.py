"""What a model holds: everything that is reached from it, by path.

Modules, containers, tensors, arrays, generators of random numbers and the objects of other classes are entered. What
drives a model is not part of it and stays out: optimizers, trainers, loggers, data.
"""

import logging
import random
import types
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any
from weakref import ReferenceType

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

REGISTRIES = ("_parameters", "_buffers", "_modules")
SEQUENCES = (list, tuple, deque, set, frozenset)
GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
PLAIN = (
    type(None), bool, int, float, complex, str, bytes, range, slice, type(...), torch.dtype, torch.device, torch.layout,
    np.generic, np.dtype, Enum, PurePath,
)  # fmt: skip
_BUILT_IN = {dict, list, tuple, set, frozenset, deque}
_ATOMS = {type(None), bool, int, float, str, bytes}
_OUTSIDE = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType,
    property, ReferenceType, logging.Logger, logging.Handler, np.memmap, torch.jit.ScriptModule,
    torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler, Dataset, DataLoader, Sampler,
)  # fmt: skip
# Packages whose objects, but for modules, drive a model or write about it.
_DRIVERS = {
    "pytorch_lightning", "lightning", "lightning_fabric", "skorch", "accelerate", "wandb", "mlflow", "tensorboard", "aim",
    "clearml", "pandas", "polars", "pyarrow", "datasets", "matplotlib", "concurrent", "threading", "_thread",
    "multiprocessing", "logging", "inspect", "typing",
}  # fmt: skip
# Of PyTorch's own classes only these are states of a model.
_OF_TORCH = ("torch.distributions.", "torch.nn.")


def held(*roots: Any, modules: bool = True) -> Iterator[tuple[str, Any]]:
    """(path, thing) of everything that is reached from some roots, each thing once, what holds it first.

    Args:
        roots: a model, or whatever else; their paths are empty.
        modules: whether modules are entered.
    """
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", root) for root in reversed(roots)]
    kept_alive: list[Any] = []  # an id is free again once its object is gone
    while waiting:
        path, thing = waiting.pop()
        if is_plain(thing) or id(thing) in seen or not is_entered(thing):
            continue
        if isinstance(thing, nn.Module) and not modules:
            continue
        seen.add(id(thing))
        kept_alive.append(thing)
        yield path, thing
        waiting += [(path + label, child) for label, child in reversed(list(children(thing)))]


def is_entered(thing: Any) -> bool:
    """Whether a thing may be part of what a model remembers."""
    if isinstance(thing, (nn.Module, Tensor, np.ndarray)) and not isinstance(thing, _OUTSIDE):
        return True
    if isinstance(thing, _OUTSIDE):
        return False
    package = type(thing).__module__
    if package.startswith("torch.") or package == "torch":
        ours = (*SEQUENCES, dict, *GENERATORS)
        return isinstance(thing, ours) or package.startswith(_OF_TORCH)
    return package.partition(".")[0] not in _DRIVERS


def children(thing: Any) -> Iterator[tuple[str, Any]]:
    """(label, child) of what a thing holds directly, but for plain values; a label goes on from the thing's path."""
    return ((label(), child) for label, child in _children(thing) if not is_plain(child))


def is_plain(thing: Any) -> bool:
    """Whether it is a number, text or the like, which nothing can change."""
    return type(thing) in _ATOMS or isinstance(thing, PLAIN)


def _children(thing: Any) -> Iterator[tuple[Callable[[], str], Any]]:
    # Labels are made where they are needed alone: a vocabulary has very many entries, all of them plain.
    if isinstance(thing, dict):
        yield from ((partial("[{!r}]".format, key), value) for key, value in thing.items())
    elif isinstance(thing, SEQUENCES):
        fields = getattr(thing, "_fields", None) or range(len(thing))
        form = "[{}]" if isinstance(fields, range) else ".{}"
        yield from (
            (partial(form.format, at), value) for at, value in zip(fields, thing, strict=False)
        )
    elif isinstance(thing, np.ndarray):
        if thing.dtype == object:
            yield from ((partial("[{}]".format, n), value) for n, value in enumerate(thing.flat))
    elif isinstance(thing, partial):
        yield from ((partial(".args[{}]".format, n), value) for n, value in enumerate(thing.args))
        yield from _named(thing.keywords)
    if type(thing) not in _BUILT_IN and not isinstance(thing, (*GENERATORS, np.ndarray, partial)):
        for name, value in getattr(thing, "__dict__", {}).items():
            inside = isinstance(thing, nn.Module) and name in REGISTRIES
            yield from _named(value if inside else {name: value})
        if not isinstance(thing, Tensor):
            yield from _named({name: getattr(thing, name) for name in slots(thing)})
            for kind in own_classes(thing):
                yield from _named({name: vars(kind)[name] for name in of_class(kind)})


def _named(values: dict[str, Any]) -> Iterator[tuple[Callable[[], str], Any]]:
    return ((partial(".{}".format, name), value) for name, value in values.items())


def slots(thing: Any) -> list[str]:
    """Names of an object's attributes that lie outside its ``__dict__`` and have a value."""
    names = []
    for kind in type(thing).__mro__:
        given = vars(kind).get("__slots__", ())
        for name in [given] if isinstance(given, str) else given:
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{kind.__name__.lstrip('_')}{name}" if private else name)
    return [
        name for name in names if name not in ("__dict__", "__weakref__") and hasattr(thing, name)
    ]


def own_classes(thing: Any) -> list[type]:
    """The classes of an object that are neither PyTorch's nor Python's own."""
    outside = ("torch", "builtins", "typing", "abc", "collections")
    return [
        kind for kind in type(thing).__mro__ if kind.__module__.partition(".")[0] not in outside
    ]


def of_class(kind: type) -> list[str]:
    """Names of a class's attributes that are neither methods nor special."""
    return [
        name for name, value in vars(kind).items()
        if not name.startswith(("__", "_abc_")) and not callable(value) and not hasattr(value, "__get__")
    ]  # fmt: skip
