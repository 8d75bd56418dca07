"""Numbers that are not finite: whether there are any, where the first one is, and in which part of a batch."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

DEEP = 8  # a batch nested deeper than this is not searched


def readable(value: Any) -> bool:
    """Whether a tensor's numbers can be looked at: real or complex, dense, and no stand-in for others."""
    return (
        isinstance(value, Tensor)
        and (value.is_floating_point() or value.is_complex())
        and value.itemsize > 1  # of eight bits there is no isfinite
        and value.layout is torch.strided
        and not value.is_nested
        and value.device.type != "meta"
        and not torch._C._functorch.is_functorch_wrapped_tensor(value)
    )


def finite(value: Any) -> bool:
    """Whether a tensor has no NaN and no infinity; what cannot be looked at counts as finite."""
    return not readable(value) or bool(torch.isfinite(value.detach()).all())


def has_nan(value: Tensor) -> bool:
    """Whether a tensor has a NaN."""
    return readable(value) and bool(torch.isnan(value.detach()).any())


def first_index(value: Tensor) -> tuple[int, ...]:
    """Of the first number that is not finite."""
    return tuple(int(i) for i in (~torch.isfinite(value.detach())).nonzero()[0])


def place(value: Tensor) -> str:
    """The first number that is not finite and its index: "nan at [3, 1, 0]"."""
    index = first_index(value)
    number = short(value.detach()[index].item())
    return f"{number} at {list(index)}" if index else number


def short(number: Any) -> str:
    """A number in four digits; -0 is 0."""
    return f"{number + 0.0:.4g}"


def storage(value: Tensor) -> int | None:
    """Where a tensor's numbers lie, the same for all its views."""
    return value.untyped_storage().data_ptr() if readable(value) and value.numel() else None


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in what an operation takes or gives."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)


def entries(value: Any, name: str = "batch", deep: int = 0) -> Iterator[tuple[str, Any]]:
    """(name, tensor or array or number) of everything in a batch: "batch[0]", "batch['x']", "batch.x"."""
    if isinstance(value, Tensor | np.ndarray | float):
        yield name, value
    elif deep == DEEP or isinstance(value, str | bytes):
        return
    elif isinstance(value, Mapping):
        for key in value:
            yield from entries(value[key], f"{name}[{key!r}]", deep + 1)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for key in value._fields:
            yield from entries(getattr(value, key), f"{name}.{key}", deep + 1)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from entries(part, f"{name}[{number}]", deep + 1)
    elif is_dataclass(value):
        for each in fields(value):
            yield from entries(getattr(value, each.name), f"{name}.{each.name}", deep + 1)
    elif hasattr(value, "__dict__"):
        for key, part in vars(value).items():
            yield from entries(part, f"{name}.{key}", deep + 1)


def entry_place(value: Any) -> str | None:
    """The first number of a batch's entry that is not finite; None where there is none."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fc" or np.isfinite(value).all():
            return None
        return place(torch.from_numpy(np.array(value)))
    if isinstance(value, float):
        return None if math.isfinite(value) else short(value)
    return None if finite(value) else place(value)
