"""One backward pass over the calls, the errors of all loss steps added up: what the lags must add up to."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bptt.torch_models.stepped.calls import Entry, StepCall
from bptt.torch_models.stepped.recording import Recording, back


@dataclass(frozen=True, eq=False)
class Passed:
    """A call that errors went back through.

    Attributes:
        call: it.
        errors: at its outputs, by their numbers.
        grads: of the parameters, by name, as far as they act in it.
        came: the errors at what came into it.
    """

    call: StepCall
    errors: dict[int, Tensor]
    grads: dict[str, Tensor]
    came: list[tuple[Entry, Tensor]]


def swept(
    recording: Recording, immediate: dict[int, Tensor]
) -> tuple[dict[str, Tensor], list[tuple[Entry, Tensor]]]:
    """The gradient of every parameter by way of the calls, and the errors at what came into them.

    Args:
        recording: the calls.
        immediate: by output, the errors to carry back.
    """
    whole = {name: torch.zeros_like(value) for name, value in recording.params.items()}
    came: list[tuple[Entry, Tensor]] = []
    for passed in sweep(recording, immediate):
        for name, grad in passed.grads.items():
            whole[name] += grad
        came += passed.came
    return whole, came


def sweep(
    recording: Recording, immediate: dict[int, Tensor], *, with_params: bool = True
) -> Iterator[Passed]:
    """The calls from the last to the first, with what goes back through each.

    Args:
        recording: the calls.
        immediate: by output, the errors to carry back.
        with_params: whether the gradient by the parameters is asked for too.
    """
    params = recording.params if with_params else {}
    errors = dict(immediate)
    for call in reversed(recording.calls):
        outputs = [output for output in call.outputs if output.number in errors]
        entries = [*call.entries, *call.sides]
        leaves = [*params.values(), *[entry.leaf for entry in entries]]
        sent = {output.number: errors.pop(output.number) for output in outputs}
        edges = [output.edge for output in outputs]
        found = back(edges, [*sent.values()], leaves, False) if outputs else []
        grads = {n: g for n, g in zip(params, found, strict=False) if g is not None}
        came: list[tuple[Entry, Tensor]] = []
        arrived: list[tuple[Entry, Tensor]] = []
        through = found[len(params) :] or [None] * len(entries)
        for entry, grad in zip(entries, through, strict=True):
            around = errors.pop(entry.number, None)
            both = [each for each in (grad, around) if each is not None]
            if both:
                arrived.append((entry, both[0] if len(both) == 1 else both[0] + both[1]))
            if grad is not None:  # what goes around the call is a part of later ones'
                came.append((entry, grad))
        own = [(entry, grad) for entry, grad in arrived if entry.made_of]
        if own:
            passed = recording.between(
                [entry for entry, _ in own], [grad for _, grad in own], False
            )
            for number, grad in passed.items():
                errors[number] = errors[number] + grad if number in errors else grad
        yield Passed(call, sent, grads, came)


def outside(recording: Recording, came: list[tuple[Entry, Tensor]]) -> dict[str, Tensor]:
    """The part of every parameter's gradient that does not go by the calls.

    Args:
        recording: the calls.
        came: the errors at what came into them.
    """
    params = {n: p for n, p in recording.params.items() if id(p) in recording.used}
    if not params:
        return {}
    edges = [recording.E, *[entry.edge for entry, _ in came]]
    sent = [torch.ones_like(recording.E), *[grad for _, grad in came]]
    found = back(edges, sent, [*params.values()], False)
    return {name: grad for name, grad in zip(params, found, strict=True) if grad is not None}
