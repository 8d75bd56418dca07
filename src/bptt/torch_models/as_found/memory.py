"""What a model remembers from one forward pass to the next, and how it is made to forget.

A forward pass is watched once. The attributes that it changed are the model's memory, where one of them holds a tensor: then flags and counters beside
it belong to it too. Parameters are none, nor is a buffer that is written in place, as running statistics are; one that
is bound anew is only where its shape has become another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from bptt.errors import OptionError
from bptt.torch_models.as_found.contents import KeptContents
from bptt.torch_models.as_found.copied import copied
from bptt.torch_models.as_found.held import held
from bptt.torch_models.as_found.untouched import Snapshot, untouched

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_NOTHING = object()  # in the place of an attribute that is not there


@dataclass(frozen=True, eq=False)
class _Place:
    """An attribute: its path in the model, whose it is, and its name there."""

    path: str
    contents: KeptContents
    name: Any
    buffer: bool


class Memory:
    """What a model remembers, as it was before it saw a batch.

    Args:
        model: the user's.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._places: list[_Place] = []
        self._values: list[Any] = []

    @property
    def roots(self) -> tuple[nn.Module, ...]:
        """What ``recall`` changes: the model, or nothing where it remembers nothing."""
        return (self.model,) if self._places else ()

    @contextmanager
    def watching(self, *others: Any) -> Iterator[None]:
        """Around one forward pass: afterwards the model is as it was, and its memory known.

        Args:
            others: what else is to be left as it was, a batch for example.
        """
        with untouched(self.model, *others) as snapshot:
            yield
            self._places = _changed(self.model, snapshot)
        values = [place.contents.now().get(place.name, _NOTHING) for place in self._places]
        self._values = self._copied(values)

    def recall(self) -> None:
        """Let the model remember what it remembered before it was watched."""
        values = self._copied(self._values)
        for place, value in zip(self._places, values, strict=True):
            now = place.contents.now().get(place.name, _NOTHING)
            if (
                place.buffer
                and isinstance(now, Tensor)
                and isinstance(value, Tensor)
                and now.shape == value.shape
            ):
                continue
            if value is not _NOTHING:
                place.contents.set(place.name, value)
            elif now is not _NOTHING:
                place.contents.remove(place.name)

    def _copied(self, values: list[Any]) -> list[Any]:
        shared = _NOTHING, *self.model.modules(), *self.model.parameters(), *self.model.buffers()
        why = "what it remembers is put back for every measurement"
        try:
            return copied(values, shared, "model", why)
        except OptionError:
            for place, value in zip(self._places, values, strict=True):
                copied(value, shared, f"model{place.path}", why)  # with the name of the attribute
            raise


def _changed(model: nn.Module, snapshot: Snapshot) -> list[_Place]:
    """The attributes that hold the memory."""
    fixed = {id(t) for t in (*model.parameters(), *model.buffers())}
    places, tensors = [], False
    for path, module in held(model):
        if not isinstance(module, nn.Module):
            continue
        registries = module._parameters, module._modules
        for contents in snapshot.of(module):
            if not isinstance(contents, KeptContents) or any(contents.of is r for r in registries):
                continue
            before, now = dict(zip(contents.names, contents.given, strict=False)), contents.now()
            for name in before | now:
                old, new = before.get(name, _NOTHING), now.get(name, _NOTHING)
                if name in _OF_EVERY_MODULE or (
                    old is new and not _changed_within(old, snapshot, fixed)
                ):
                    continue
                places.append(
                    _Place(f"{path}.{name}", contents, name, contents.of is module._buffers)
                )
                tensors = tensors or _holds_numbers(old) or _holds_numbers(new)
    return places if tensors else []


def _changed_within(value: Any, snapshot: Snapshot, fixed: set[int]) -> bool:
    things = (thing for _, thing in held(value, modules=False) if id(thing) not in fixed)
    return any(each.changed() for thing in things for each in snapshot.of(thing))


def _holds_numbers(value: Any) -> bool:
    """Whether there is a tensor or an array in it."""
    things = (thing for _, thing in held(value, modules=False))
    return any(
        isinstance(thing, Tensor | np.ndarray) and not isinstance(thing, nn.Parameter)
        for thing in things
    )
