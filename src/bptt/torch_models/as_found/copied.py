"""A copy of a model, also where Python alone cannot make one."""

import copy
from typing import Any, TypeVar

from torch import Tensor, nn

from bptt.errors import OptionError
from bptt.torch_models.as_found.eagerly import PARALLEL
from bptt.torch_models.as_found.held import children, held

Thing = TypeVar("Thing")


def copied(
    thing: Thing,
    shared: tuple[Any, ...] = (),
    name: str = "model",
    why: str = "remedies are tried on copies",
) -> Thing:
    """A deep copy. A tensor with a graph behind it is copied without it; a wrapper for several devices keeps its process group.

    Args:
        thing: a model, or what a model holds.
        shared: what the copy goes on sharing.
        name: what an error calls it.
        why: it is copied, for the error.

    Raises:
        OptionError: if something in it cannot be copied: it names the attribute.
    """
    memo: dict[int, Any] = {id(each): each for each in shared}
    wrappers = []
    for _, part in held(thing):
        if (
            isinstance(part, Tensor)
            and part.grad_fn is not None
            and not isinstance(part, nn.Parameter)
        ):
            memo.setdefault(id(part), part.detach().clone())
        if isinstance(part, PARALLEL) and id(part) not in memo:
            memo[id(part)] = _shell(part)
            wrappers.append(part)
    before = dict(memo)
    try:
        for wrapper in wrappers:
            memo[id(wrapper)]._modules = copy.deepcopy(wrapper._modules, memo)
        return copy.deepcopy(thing, memo)
    except Exception as error:
        path, culprit = _culprit(name, thing, before)
        raise OptionError(
            "model", f"one that can be copied, since {why}",
            f"{path} ({type(culprit).__name__}), of which Python says: {error}",
            f"Set {path} to None for the time being, or give its class a __deepcopy__.",
        ) from error  # fmt: skip


def _shell(wrapper: Any) -> Any:
    """The wrapper itself without what it wraps: what it knows of devices and processes cannot be copied."""
    shell = object.__new__(type(wrapper))
    vars(shell).update(vars(wrapper))
    for name in ("_parameters", "_buffers"):
        vars(shell)[name] = dict(vars(wrapper)[name])
    return shell


def _culprit(path: str, thing: Any, memo: dict[int, Any]) -> tuple[str, Any]:
    """The path of the innermost part that cannot be copied, and the part."""
    for label, child in children(thing):
        if not _can_be_copied(child, memo):
            return _culprit(path + label, child, memo)
    return path, thing


def _can_be_copied(thing: Any, memo: dict[int, Any]) -> bool:
    try:
        copy.deepcopy(thing, dict(memo))
    except Exception:
        return False
    return True
