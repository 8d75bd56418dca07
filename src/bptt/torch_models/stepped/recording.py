"""One forward pass of the user's loss with a step's calls cut out, and what the loss sends to their outputs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from bptt.errors import OptionError
from bptt.torch_models.capture import Loss, one_number
from bptt.torch_models.stepped.calls import Calls, Entry, Output, StepCall


@dataclass(eq=False)
class Recording:
    """The calls of one step.

    Attributes:
        path: its name in the model.
        module: it.
        forward: its own.
        calls: in order.
        places: outputs and entries of all of them, by their numbers.
        E: the loss, with its graph back to the outputs.
        immediate: by output, what the loss sends there without a step; outputs that get nothing are left out.
        used: ids of the parameters that are used outside of the calls.
        narrow: types that an autocast around the calls computes in.
        one_by_one: the reasons why loss steps were carried one after the other.
    """

    path: str
    module: nn.Module
    forward: Callable[..., Any]
    calls: list[StepCall]
    places: dict[int, Output | Entry]
    E: Tensor
    immediate: dict[int, Tensor]
    used: set[int]
    narrow: set[torch.dtype]
    one_by_one: set[str] = field(default_factory=set)

    @property
    def steps(self) -> int:
        """T, calls along the longest way."""
        return 1 + max(call.level for call in self.calls)

    @property
    def axis(self) -> int:
        """Along which the sequences lie in a state."""
        return 1 if isinstance(self.module, nn.RNNBase) else 0

    @cached_property
    def sequences(self) -> int:
        """B, of the largest call."""
        leaves = [place.leaf for place in self.places.values()]
        return max((leaf.shape[self.axis] for leaf in leaves if leaf.ndim > self.axis), default=1)

    @property
    def params(self) -> dict[str, Tensor]:
        """Of the step, by name; not those that are frozen."""
        return {name: p for name, p in self.module.named_parameters() if p.requires_grad}

    @cached_property
    def in_lockstep(self) -> bool:
        """Whether every call is given nothing but outputs of the calls one step before it."""
        return all(
            self.level_of(number) == call.level - 1
            for call in self.calls for entry in call.entries for number in entry.made_of
        )  # fmt: skip

    def level_of(self, number: int) -> int:
        """Of the call that an output or an entry belongs to."""
        return self.calls[self.places[number].call].level

    @property
    def goes_around(self) -> bool:
        """Whether a state also goes past a call, as where a mask keeps the old one or a residual is added."""
        places = [self.places[n] for call in self.calls for e in call.entries for n in e.made_of]
        return any(isinstance(place, Entry) for place in places)

    @cached_property
    def loss_steps(self) -> list[int]:
        """The levels of the calls that the loss reads, in order."""
        reading = (n for n, grad in self.immediate.items() if bool(grad.any()))
        return sorted({self.level_of(number) for number in reading})

    def between(
        self, entries: list[Entry], errors: list[Tensor], batched: bool
    ) -> dict[int, Tensor]:
        """Errors at what came into calls, carried to the outputs and earlier entries that it was made of.

        Args:
            entries: where they stand.
            errors: one per entry.
            batched: whether each has an axis of loss steps before its own.
        """
        found: dict[int, Tensor] = {}

        def put(number: int, error: Tensor) -> None:
            found[number] = found[number] + error if number in found else error

        carried = []
        for entry, error in zip(entries, errors, strict=True):
            if entry.is_output:
                put(entry.made_of[0], error)
            else:
                carried.append((entry, error))
        for own in self._apart(carried):
            numbers = sorted({number for entry, _ in own for number in entry.made_of})
            edges = [entry.edge for entry, _ in own]
            wanted = [self._target(number) for number in numbers]
            grads = back(edges, [error for _, error in own], wanted, batched, self.one_by_one)
            for number, grad in zip(numbers, grads, strict=True):
                if grad is not None:
                    put(number, grad)
        return found

    def _apart(self, carried: list[tuple[Entry, Tensor]]) -> list[list[tuple[Entry, Tensor]]]:
        """What can be carried in one pass: all, or call by call where errors go around a call and would meet its own."""
        around = any(
            isinstance(self.places[n], Entry) for entry, _ in carried for n in entry.made_of
        )
        if not around:
            return [carried] if carried else []
        by_call: dict[int, list[tuple[Entry, Tensor]]] = {}
        for entry, error in carried:
            by_call.setdefault(entry.call, []).append((entry, error))
        return list(by_call.values())

    def _target(self, number: int) -> Any:
        place = self.places[number]
        return place.leaf if isinstance(place, Output) else place.edge


def back(
    outputs: list[Any], errors: list[Tensor], inputs: list[Any], batched: bool, refused: set[str] | None = None
) -> list[Tensor | None]:  # fmt: skip
    """Errors at some tensors carried to others; None where nothing arrives.

    Args:
        outputs: tensors or edges.
        errors: one per output.
        inputs: tensors or edges.
        batched: whether the errors have an axis of loss steps before their own; all are carried together, or one after
            the other where an operation does not allow that.
        refused: where the reason for that is noted down.
    """
    if not inputs:
        return []
    if not batched:
        return list(_grad(outputs, inputs, errors))
    rows = len(errors[0])
    if rows > 1:
        try:
            return list(_grad(outputs, inputs, errors, is_grads_batched=True))
        except (RuntimeError, NotImplementedError) as error:
            if refused is not None:
                refused.add(str(error).partition("\n")[0][:120])
    each = [_grad(outputs, inputs, [error[row] for error in errors]) for row in range(rows)]
    return [
        None if all(grad is None for grad in grads) else torch.stack(grads)
        for grads in zip(*each, strict=True)
    ]


def _grad(outputs: list[Any], inputs: list[Any], errors: list[Tensor], **options: Any) -> Any:
    return torch.autograd.grad(
        outputs, inputs, errors, retain_graph=True, allow_unused=True, **options
    )


def record(model: nn.Module, batch: Any, loss: Loss, path: str, module: nn.Module) -> Recording:
    """Run loss(model, batch) with every call of the step cut out; the model must be held untouched around it.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        path: the step's name.
        module: the step.

    Raises:
        OptionError: if the loss is no number, the module is called but once, or nothing that it puts out comes in again.
    """
    calls = Calls(module, path)
    missing = vars(module).get("forward", calls)
    vars(module)["forward"] = calls
    try:
        E = loss(model, batch)
    finally:
        if missing is calls:
            del vars(module)["forward"]
        else:
            vars(module)["forward"] = missing
    one_number(E)
    name = path or "the model"
    if len(calls.calls) < 2:
        raise OptionError(
            "recurrent", "a module that the model calls once per time step",
            f"{name}, which was called {'once' if calls.calls else 'never'}",
            "Name the module of one step; a layer that computes all steps by itself is measured without recurrent=.",
        )  # fmt: skip
    if not any(p.requires_grad for p in module.parameters()):
        raise OptionError(
            "recurrent", "a step with parameters", f"{name}, which has none",
            "Name the module around it that has: its calls are the steps then.",
        )  # fmt: skip
    if not any(call.entries for call in calls.calls):
        raise OptionError(
            "recurrent", "a module whose outputs come in again at a later call",
            f"{name}: {len(calls.calls)} calls, and nothing that one puts out comes into another",
            "Pass its state on from one call to the next, without detach() or no_grad, or name another module.",
        )  # fmt: skip
    immediate: dict[int, Tensor] = {}
    if E.requires_grad:
        outputs = [place for place in calls.places.values() if isinstance(place, Output)]
        grads = _grad([E], [output.leaf for output in outputs], [torch.ones_like(E)])
        pairs = zip(outputs, grads, strict=True)
        immediate = {output.number: grad for output, grad in pairs if grad is not None}
        calls.made_of.numbers(E.grad_fn)
    if not immediate:
        raise OptionError(
            "loss", f"one that depends on {name}", "one that does not",
            "Call the model in it, outside torch.no_grad(), and use what comes out.",
        )  # fmt: skip
    _mark_state(calls.calls)
    for call in calls.calls:
        for side in call.sides:
            calls.made_of.numbers(side.edge.node)
    return Recording(
        path, module, calls.forward, calls.calls, calls.places, E, immediate, calls.made_of.used, calls.narrow
    )  # fmt: skip


def _mark_state(calls: list[StepCall]) -> None:
    """What comes in again at one call is a part of the state at all of them, at the last one too."""
    places: dict[int, tuple[int, int]] = {}
    for call in calls:
        met: dict[int, int] = {}
        for output in call.outputs:
            met[output.position] = met.get(output.position, -1) + 1
            places[output.number] = output.position, met[output.position]
    outputs = [output for call in calls for output in call.outputs]
    state = {places[output.number] for output in outputs if output.comes_in}
    for output in outputs:
        output.comes_in = places[output.number] in state
