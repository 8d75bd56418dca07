"""Which of a model's calls the loss reaches, whether their numbers are finite, and which of them belong together."""

from collections.abc import Sequence

import numpy as np
import torch

from bptt.errors import OptionError
from bptt.torch_models.capture import Captured, Chain
from bptt.torch_models.capture.numbers import layer_errors
from bptt.torch_models.replay import Replay


def reached_chains(captured: Captured) -> list[Chain]:
    """The chains of calls that the loss sends an error to."""
    return [chain for chain in captured.chains if _is_reached(captured, chain)]


def not_finite(captured: Captured) -> tuple[str, str, str] | None:
    """The first call whose states are not finite, or that the loss sends something back to that is not."""
    for call in (c for chain in reached_chains(captured) for c in chain.calls):
        for state in call.outputs:
            if not torch.isfinite(state).all():
                kind = "nan" if torch.isnan(state).any() else "inf"
                return call.path or "model", "finite states", f"{kind} among them"
    firsts = {s.call.index: s.first for chain in captured.chains for s in chain.starts}
    for call in captured.calls:
        grads = captured.immediate[call.index]
        if all(grad is None or bool(torch.isfinite(grad).all()) for grad in grads):
            continue
        with np.errstate(invalid="ignore"):  # it is multiplied by a projection, 0 · ∞
            finite = [np.isfinite(error).all((1, 2)) for error in layer_errors(call, grads)]
        step = firsts[call.index] + int(np.argmin(np.logical_and.reduce(finite)))
        return call.path or "model", "a finite gradient on the states", f"{np.nan} at step {step}"
    return None


def check_steps(longest: int, chains: Sequence[Chain]) -> None:
    """Refuse a model none of whose recurrences goes a step back.

    Raises:
        OptionError: if it does not.
    """
    calls = [call for chain in chains for call in chain.calls]
    if longest < 2 and len(calls) > 1:
        raise OptionError(
            "model", "states that go from one call to the next",
            f"{len(calls)} calls of {calls[0].path or 'the model'}, one step each, with no state in between",
            "Pass the state on, and do not detach it, or set it to zero, before every step.",
        )  # fmt: skip


def _is_reached(captured: Captured, chain: Chain) -> bool:
    grads = [grad for call in chain.calls for grad in captured.immediate[call.index]]
    return any(grad is not None and bool(grad.any()) for grad in grads)


def together(replays: list[Replay], chains: list[Chain]) -> list[tuple[list[Replay], list[Chain]]]:
    """Replays that errors pass between, or that share a module; with their chains."""
    groups: list[tuple[set[int], set[str], list[Replay]]] = []
    of_call = {call.index: n for n, chain in enumerate(chains) for call in chain.calls}
    for own in replays:
        numbers, paths, members = (
            {of_call[call.index] for call in own.strand.calls}, {own.strand.path}, [own],
        )  # fmt: skip
        for other in [g for g in groups if g[0] & numbers or g[1] & paths]:
            groups.remove(other)
            numbers, paths, members = (
                other[0] | numbers, other[1] | paths, [*other[2], *members],
            )  # fmt: skip
        groups.append((numbers, paths, members))
    return [(members, [chains[n] for n in sorted(numbers)]) for numbers, _, members in groups]


def members_of(replays: Sequence[Replay]) -> list[list[tuple[int, int]]]:
    """For each layer of each module, its (replay, layer): several where its calls were run again in several pieces."""
    of_path: dict[str, list[int]] = {}
    for number, own in enumerate(replays):
        of_path.setdefault(own.strand.path, []).append(number)
    return [
        [(n, layer) for n in own]
        for own in of_path.values()
        for layer in range(len(replays[own[0]].trace.traces))
    ]
