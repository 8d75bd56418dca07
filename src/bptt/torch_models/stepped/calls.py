"""The calls of a step: the graph of a forward pass, cut where they begin and where they end.

At each call every tensor that was made of an earlier call's outputs is replaced by a leaf of the same numbers, and so are
the outputs on their way to the model. What the module keeps itself from call to call is cut in the same way. So each call
has a graph of its own, and another graph lies between the calls.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from bptt.errors import OptionError
from bptt.torch_models.stepped.kept_state import KeptState, is_kept
from bptt.torch_models.stepped.made_of import MadeOf

KEPT = -1  # in the place of an argument's or output's position: the module keeps it itself


@dataclass(eq=False)
class Entry:
    """A tensor that came into a call.

    Attributes:
        number: among all outputs and entries.
        call: index of the call.
        position: among the arguments; ``KEPT`` for what the module keeps.
        edge: where it comes from, in the graph between the calls.
        leaf: that stands for it in the graph of the call.
        made_of: numbers of the outputs, and of the entries that go around their call, that its errors go on to.
        is_output: whether it is an output as it was put out.
    """

    number: int
    call: int
    position: int
    edge: GradientEdge
    leaf: Tensor
    made_of: list[int] = field(default_factory=list)
    is_output: bool = False


@dataclass(eq=False)
class Output:
    """A tensor that a call put out.

    Attributes:
        number: among all outputs and entries.
        call: index of the call.
        position: among its outputs; ``KEPT`` for what the module keeps, or wrote into what it was given.
        edge: in the graph of the call.
        leaf: that stands for it in the graph between the calls.
        comes_in: whether it is a part of the state: a later call is given what was made of it, or of its like.
    """

    number: int
    call: int
    position: int
    edge: GradientEdge
    leaf: Tensor
    comes_in: bool = False


@dataclass(eq=False)
class StepCall:
    """One call.

    Attributes:
        index: its place among the calls.
        arguments: what it was given, flat, without a past.
        form: how that is put together.
        same: for each of them the first that is the same tensor.
        entries: the tensors that were made of earlier calls' outputs.
        sides: the others that need a gradient.
        outputs: what it put out.
        level: how many calls lie before it, along the longest way.
    """

    index: int
    arguments: list[Any]
    form: TreeSpec
    same: list[int]
    entries: list[Entry] = field(default_factory=list)
    sides: list[Entry] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    level: int = 0


class Calls:
    """In the place of a module's forward: every call of it is cut out of the graph.

    Args:
        module: the step.
        path: its name in the model.
    """

    def __init__(self, module: nn.Module, path: str) -> None:
        self.path, self.forward = path, module.forward
        self.made_of = MadeOf()
        self.calls: list[StepCall] = []
        self.places: dict[int, Output | Entry] = {}
        self._kept = KeptState(module)
        self._within = False
        self.narrow: set[torch.dtype] = set()  # types that an autocast around the calls computes in

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """One call; one that the module makes of itself, or one without a gradient, is left as it is."""
        if self._within or not torch.is_grad_enabled():
            return self.forward(*args, **kwargs)
        self._within = True
        try:
            return self._cut(args, kwargs)
        finally:
            self._within = False

    def _cut(self, args: Any, kwargs: Any) -> Any:
        given, form = tree_flatten((args, kwargs))
        kinds = {value.device.type for value in given if isinstance(value, Tensor)}
        self.narrow |= {torch.get_autocast_dtype(k) for k in kinds if torch.is_autocast_enabled(k)}
        place = {id(value): n for n, value in reversed(list(enumerate(given)))}
        same = [place[id(value)] for value in given]
        call = StepCall(len(self.calls), [_past_less(value) for value in given], form, same)
        handed: dict[int, Tensor] = {}
        entering = [
            self._enter(call, value, position, handed) for position, value in enumerate(given)
        ]
        before = {id(t): (t, t._version) for t in self._kept.tensors()}
        self._kept.replace(lambda value: self._enter(call, value, KEPT, handed, sides=False))
        untouched = {id(t): (t, t._version) for t in self._kept.tensors() if id(t) in before}
        versions = [value._version if isinstance(value, Tensor) else 0 for value in entering]
        own_args, own_kwargs = tree_unflatten(entering, form)
        self._place(call)
        returned = self.forward(*own_args, **own_kwargs)
        leaving: dict[int, Tensor] = {}
        parts, returned_form = tree_flatten(returned)
        parts = [self._leave(call, value, n, leaving) for n, value in enumerate(parts)]

        def kept(value: Tensor) -> Tensor:
            same = id(value) in untouched and untouched[id(value)][1] == value._version
            return value if same else self._leave(call, value, KEPT, leaving)

        self._kept.replace(kept)
        for value, entered, version in zip(given, entering, versions, strict=True):
            if isinstance(value, Tensor) and entered._version != version:
                self._write_back(call, value, entered, leaving)
        return tree_unflatten(parts, returned_form)

    def _enter(
        self, call: StepCall, value: Any, position: int, handed: dict[int, Tensor], *, sides: bool = True
    ) -> Any:  # fmt: skip
        """What the call gets for a tensor that needs a gradient: a copy of a leaf, into which it may write."""
        if not is_kept(value):
            return value
        if id(value) in handed:
            return handed[id(value)]
        made_of = self.made_of.numbers(value.grad_fn)
        if not made_of and not sides:
            return value
        leaf = value.detach().clone().requires_grad_()
        number = self.made_of.new_number()
        entry = Entry(number, call.index, position, get_gradient_edge(value), leaf)
        self.places[number] = entry
        (call.entries if made_of else call.sides).append(entry)
        handed[id(value)] = leaf.clone()
        return handed[id(value)]

    def _leave(self, call: StepCall, value: Any, position: int, leaving: dict[int, Tensor]) -> Any:
        """What the model gets for an output: a copy of a leaf."""
        if not isinstance(value, Tensor):
            self._refuse_hidden(value)
            return value
        if not is_kept(value):
            return value
        if id(value) not in leaving:
            leaf = value.detach().clone().requires_grad_()
            number = self.made_of.new_number()
            output = Output(number, call.index, position, get_gradient_edge(value), leaf)
            self.places[number] = output
            call.outputs.append(output)
            leaving[id(value)] = out = leaf.clone()
            self.made_of.put_out(out.grad_fn, output.number)
        return leaving[id(value)]

    def _write_back(
        self, call: StepCall, value: Tensor, entered: Tensor, leaving: dict[int, Tensor]
    ) -> None:
        """A call wrote into what it was given: so it is in the model, by way of a leaf."""
        if not entered.requires_grad:
            return
        out = self._leave(call, entered, KEPT, leaving)
        if entered is value:  # it needed no gradient when it came in: its past is the call's
            if value._is_view():
                raise OptionError(
                    "recurrent", "a step that leaves the views that it is given as they are",
                    f"{self.path or 'the model'}, which writes into one",
                    "Pass it a copy, x.clone(), or let it return the new state.",
                )  # fmt: skip
            value.detach_()
        value.copy_(out)

    def _refuse_hidden(self, value: Any) -> None:
        hidden = any(is_kept(each) for each in getattr(value, "__dict__", {}).values())
        if hidden:
            raise OptionError(
                "recurrent", "a step that puts out tensors, in tuples, lists, dicts or named tuples",
                f"{self.path or 'the model'}, which puts out a {type(value).__name__}",
                "Let it return the tensors, or register the class with torch.utils._pytree.",
            )  # fmt: skip

    def _place(self, call: StepCall) -> None:
        """Which calls it comes after, and where the errors at what came in go on to."""
        level = 0
        for entry in call.entries:
            for number in self.made_of.numbers(entry.edge.node):
                earlier = self.places[number]
                if isinstance(earlier, Output):
                    earlier.comes_in = True
                    level = max(level, 1 + self.calls[earlier.call].level)
        call.level = level
        for entry in call.entries:
            entry.made_of = self.made_of.stops(entry.edge, level)
            handed = self.made_of.handed(entry.edge.node)
            entry.is_output = entry.made_of == [handed]
        for entry in call.entries:
            self.made_of.came_in(entry.edge, entry.number, level)
        self.calls.append(call)


def _past_less(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value
