"""Held-out sequences run through a PyTorch model once: the loss, and the calls run again with our own equations."""

from typing import Any

import numpy as np
from torch import nn

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.layers import StackTrace
from bptt.prognoses import Joined, Pass
from bptt.torch_models.capture import Captured, Loss, capturing
from bptt.torch_models.decompose import not_finite, reached_chains, together
from bptt.torch_models.learner.blind import blind_loss
from bptt.torch_models.learner.joined import joined
from bptt.torch_models.learner.stacked import stacked
from bptt.torch_models.nonfinite import where_not_finite
from bptt.torch_models.replay import Links, Replay, replay, strands_of


def passed(model: nn.Module, batch: Any, loss: Loss, lag: int, number: int) -> Pass:
    """One pass.

    Args:
        model: in the mode that it is measured in.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        lag: that the task needs.
        number: of the group of sequences.

    Raises:
        NonFiniteError: if the loss or what it sends back to a layer is not finite.
    """
    bad = None
    with capturing(model, batch, loss, flat_too=True) as captured:
        if not np.isfinite(captured.E):
            bad = "loss", "a finite number", str(captured.E)
        else:
            bad = not_finite(captured)
        if bad is None:
            stacks, parts = _parts(captured, lag, number)
    if bad is not None:
        raise NonFiniteError(*bad, where_not_finite(model, batch, loss))
    blind = blind_loss(model, batch, loss, captured.calls)
    return Pass(captured.E, blind, stacks, parts)


def _parts(
    captured: Captured, lag: int, number: int
) -> tuple[tuple[tuple[StackTrace, list[Array]], ...], tuple[Joined, ...]]:
    """The calls that the loss reaches: modules by themselves, and those whose states pass through something between."""
    reached = reached_chains(captured)
    replays = [replay(strand, captured.immediate) for strand in strands_of(reached)]
    alone: list[Replay] = []
    parts: list[Joined] = []
    for own, _ in together(replays, reached):
        links = Links(own)
        if links.links_anything:
            parts.append(joined(own, links, lag, number))
        else:
            alone += own
    return tuple(stacked(alone, captured)), tuple(parts)
