"""One backward pass over the calls, the errors of all loss steps added up: what the lags must add up to."""

import torch
from torch import Tensor

from bptt.torch_models.stepped.calls import Entry
from bptt.torch_models.stepped.recording import Recording, back


def swept(
    recording: Recording, immediate: dict[int, Tensor]
) -> tuple[dict[str, Tensor], list[tuple[Entry, Tensor]]]:
    """The gradient of every parameter by way of the calls, and the errors at what came into them.

    Args:
        recording: the calls.
        immediate: by output, the errors to carry back.
    """
    params = recording.params
    whole = {name: torch.zeros_like(value) for name, value in params.items()}
    errors = dict(immediate)
    came: list[tuple[Entry, Tensor]] = []
    for call in reversed(recording.calls):
        outputs = [output for output in call.outputs if output.number in errors]
        entries = [*call.entries, *call.sides]
        leaves = [*params.values(), *[entry.leaf for entry in entries]]
        sent = [errors.pop(output.number) for output in outputs]
        found = back([output.edge for output in outputs], sent, leaves, False) if outputs else []
        for name, grad in zip(params, found, strict=False):
            if grad is not None:
                whole[name] += grad
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
    return whole, came


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
