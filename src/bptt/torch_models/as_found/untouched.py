"""A model is left as it was found: whatever a forward pass changes in it is put back.

Attributes that it binds anew, adds or deletes, what it writes into containers, tensors and arrays, and its counters; modules that it
registers, and their hooks; who needs a gradient, gradients, random numbers. The objects are the same ones as before, and a tensor that
nobody wrote to is not written to here either.

What a model remembers from before comes in without its past, as if detached: the graph behind it is the user's, and a
backward pass through it would free it.
"""

from ast import literal_eval
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from bptt.torch_models.as_found.contents import KeptContents
from bptt.torch_models.as_found.held import held
from bptt.torch_models.as_found.kept import Kept, kept
from bptt.torch_models.as_found.random_numbers import random_numbers_kept


class Snapshot:
    """Everything that is reached from some roots, as it is now.

    Args:
        roots: a model, or whatever else.
    """

    def __init__(self, *roots: Any) -> None:
        self._things = [
            thing for _, thing in held(*roots)
        ]  # an id is free again once its object is gone
        # Of a tensor of a class of its own the tensor is meant: one without a shape yet would refuse every question.
        with torch._C.DisableTorchFunctionSubclass():
            self._of = {id(thing): kept(thing) for thing in self._things}
            parts = [part for own in self._of.values() for part in own]
            # Of a class with several instances once.
            unique = {(type(part), id(part.of)): part for part in reversed(parts)}
            self.kept: list[Kept] = list(unique.values())
            tensors = [t for t in self._things if isinstance(t, Tensor) and not t.is_inference()]
            # Autograd takes a tensor with another version for one that was written to, and refuses the user's
            # own backward pass: what was put back is at the version that it had.
            self._versions = [
                torch.autograd.grad_mode._unsafe_preserve_version_counter(t) for t in tensors
            ]

    def of(self, thing: Any) -> list[Kept]:
        """What was kept of one thing; nothing where it was not there."""
        return self._of.get(id(thing), [])

    def without_past(self) -> None:
        """Let the containers hold tensors that have a graph behind them without it, until ``put_back``."""
        detached: dict[int, Any] = {}

        def cut(value: Any) -> Any:
            if isinstance(value, Tensor):
                if isinstance(value, nn.Parameter) or is_lazy(value) or value.is_inference():
                    return value
                if value.grad_fn is None and value._base is None:
                    return value
                if value._base is None:
                    return detached.setdefault(id(value), value.detach())
                # Views of one tensor share its past: what is written to one of them is seen through the others.
                base = detached.setdefault(id(value._base), value._base.detach())
                view = base.as_strided(value.shape, value.stride(), value.storage_offset())
                return detached.setdefault(id(value), view)
            if isinstance(value, tuple | frozenset):
                parts = [cut(part) for part in value]
                if all(a is b for a, b in zip(parts, value, strict=True)):
                    return value
                return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
            if isinstance(value, count):  # its number cannot be put back, so another one counts on
                return count(*literal_eval(f"({repr(value)[len('count(') : -1]},)"))
            return value

        for each in self.kept:
            if isinstance(each, KeptContents):
                each.replace(cut)

    def put_back(self) -> None:
        """Make everything as it was."""
        # First, since a view at another version makes up its past anew as soon as it is asked for it.
        for version in self._versions:
            version.__exit__(None, None, None)
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
            for each in self.kept:
                each.put_back()


@contextmanager
def untouched(*roots: Any) -> Iterator[Snapshot]:
    """Afterwards everything is as it was.

    Args:
        roots: the user's model, or whatever else is not to be changed.
    """
    with ExitStack() as stack:
        # Whoever asks within inference mode, between two validations for one, asks of the training all the same.
        stack.enter_context(torch.inference_mode(False))
        snapshot = Snapshot(*roots)
        stack.callback(snapshot.put_back)
        stack.enter_context(random_numbers_kept())
        snapshot.without_past()
        yield snapshot
