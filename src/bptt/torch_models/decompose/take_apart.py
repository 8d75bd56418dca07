"""A PyTorch model on a batch: captured, replayed, decomposed, and checked against autograd."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from time import monotonic
from typing import Any

import numpy as np
from torch import nn

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.gradients.by_lag import LagProfile, by_lag
from bptt.gradients.by_lag.between_columns import Between
from bptt.gradients.by_lag.linked import Swept, linked_by_lag, sweep_from
from bptt.gradients.by_step import StepProfile, linked_by_step
from bptt.layers import StackTrace, Trace
from bptt.torch_models.as_found import without_wrappers
from bptt.torch_models.capture import Captured, Chain, Loss, capturing
from bptt.torch_models.capture.room import give_back, resident
from bptt.torch_models.decompose.bounds import Bounds, Spent
from bptt.torch_models.decompose.checks import check_borders, check_sum
from bptt.torch_models.decompose.copies import check_copies
from bptt.torch_models.decompose.grouped import (
    check_steps,
    members_of,
    not_finite,
    reached_chains,
    together,
)
from bptt.torch_models.decompose.reading import read_as
from bptt.torch_models.decompose.some_columns import SomeLinks, some_of
from bptt.torch_models.decompose.within_bounds import all_replayed, chosen_of_chains, taken_apart
from bptt.torch_models.decompose.words import in_words
from bptt.torch_models.nonfinite import where_not_finite
from bptt.torch_models.replay import Links, Replay, strands_of

GAPS = 5e7  # bytes that may be free in between


@dataclass(eq=False)
class Decomposed:
    """Every recurrent layer that the loss reaches.

    Attributes:
        E: the loss.
        names: of the layers: the module's in the model, level and direction.
        profiles: the gradient by lag of each.
        traces: the forward pass of each, in the order of time.
        unbroken: the forward pass of each, in the pieces between which the model does something of its own.
        calls: of each layer, how often its module was called, if that was for one step each and no state goes from
            one call to the next; 0 if one does.
        modules: the recurrent modules by name.
        checked: what was compared with autograd, in sentences.
        remarks: what the numbers mean for this model, in sentences.
        longest: steps of the longest chain of calls.
        read: how the batch was read, steps by sequences.
        steps_of: make the gradient by step, those of some layers after another.
    """

    E: float
    names: list[str] = field(default_factory=list)
    profiles: list[LagProfile] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    unbroken: list[Trace] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    modules: dict[str, Any] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    longest: int = 0
    read: str = ""
    steps_of: list[Callable[[], list[StepProfile]]] = field(default_factory=list)

    @cached_property
    def by_step(self) -> list[StepProfile]:
        """The gradient by step of each layer, made when it is asked for: not everyone looks at it."""
        return [own for make in self.steps_of for own in make()]


def decompose(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    max_lag: int | None = None,
    bounds: Bounds | None = None,
    check: Callable[[int], object] | None = None,
) -> Decomposed:
    """The gradient by lag of every recurrent layer.

    Args:
        model: any module with nn.RNN, nn.LSTM, nn.GRU in it, or their cells called in a loop.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        bounds: what else it may take; the usual if None.
        check: called with the steps of the longest chain of calls, before anything is run again; it may refuse them.

    Raises:
        OptionError, NonFiniteError, AgreementError: as ``diagnose_module``.
    """
    bad = None
    bounds = replace(bounds or Bounds(), max_lag=max_lag)
    started, before, room = monotonic(), resident(), bounds.room
    with capturing(model, batch, loss, keep_graph=False, room=room) as captured:
        if not np.isfinite(captured.E):
            bad = "loss", "a finite number", str(captured.E)
        else:
            bad = not_finite(captured)
        if bad is None:
            held, gaps = captured.held, 0.0
            if resident() - before > held + GAPS:
                give_back()
            if bounds.memory is not None:  # by default the same is taken whatever the system says
                gaps = max(0.0, resident() - before - held)
            spent = Spent(room, held, gaps, monotonic() - started)
            parts = _decomposed(model, captured, bounds, spent, check)
            parts.read = read_as(captured, batch, parts.longest)
            return parts
    raise NonFiniteError(*bad, where_not_finite(model, batch, loss))


def _decomposed(
    model: nn.Module,
    captured: Captured,
    bounds: Bounds,
    spent: Spent,
    check: Callable[[int], object] | None,
) -> Decomposed:
    reached = reached_chains(captured)
    longest = max(s.last for chain in reached for s in chain.starts)
    check_steps(longest, reached)
    if check is not None:
        check(longest)
    strands = strands_of(reached)
    replays, spent = all_replayed(strands, captured.immediate, bounds, spent)
    parts = Decomposed(captured.E, longest=longest)
    parts.remarks += in_words(model, captured, reached)
    parts.remarks += bounds.in_words(spent, captured.grown)
    groups = together(replays, reached)
    for own, chains in groups:
        _add(model, captured, parts, own, chains, bounds, replace(spent, share=1 / len(groups)))
    return parts


def _add(
    model: nn.Module,
    captured: Captured,
    parts: Decomposed,
    replays: list[Replay],
    chains: list[Chain],
    bounds: Bounds,
    spent: Spent,
) -> None:
    """Take the layers apart that belong together, check them, and write them down."""
    max_lag = bounds.max_lag
    paths = list(dict.fromkeys(r.strand.path for r in replays))
    of_path = {path: [n for n, r in enumerate(replays) if r.strand.path == path] for path in paths}
    members = members_of(replays)
    links, is_joined = Links(replays), any(chain.is_joined for chain in chains)
    traces, errors_of = [r.trace for r in replays], [r.errors for r in replays]
    if len(replays) == 1 and not links.links_anything:
        replays[0], portion, profiles, make = taken_apart(replays[0], bounds, spent)
        if not portion.is_all:
            parts.remarks.append(portion.sentence(without_wrappers(paths[0], model) or "model"))
        swept = sweep_from(traces, errors_of, links) if is_joined else None
    else:
        kept, said = chosen_of_chains(model, replays, links, bounds, spent)
        parts.remarks += said
        swept = None
        between: Between = links
        some: Sequence[Replay] = replays
        timelines = [r.strand.timeline for r in replays]
        if kept is not None:
            swept = sweep_from(traces, errors_of, links)
            replays[:] = _with_totals(replays, members, swept)
            some = [some_of(own, columns) for own, columns in zip(replays, kept, strict=True)]
            between = SomeLinks(links, replays, kept)
            timelines = [own.of(columns) for own, columns in zip(timelines, kept, strict=True)]
            traces, errors_of = [r.trace for r in some], [r.errors for r in some]
        profiles, of_some = linked_by_lag(traces, errors_of, between, members, timelines, max_lag)
        swept = swept or of_some
        make = partial(linked_by_step, traces, of_some.entering, errors_of, members, timelines)
        if len(paths) > 1:
            entering = [[rows.values() for rows in own] for own in of_some.entering]
            parts.remarks += _alone(model, some, links, entering, max_lag)
    names = [
        name for path in paths for name in _names(model, path, replays[of_path[path][0]].trace)
    ]
    parts.checked += check_sum(captured, replays, members, names, profiles)
    if is_joined and swept is not None:
        parts.checked += check_borders(captured, replays, swept)
        parts.checked += check_copies(captured, replays, links, chains, members, max_lag)
    cut = _cut(chains)
    parts.steps_of.append(make)
    for name, profile, own in zip(names, profiles, members, strict=True):
        largest = max(own, key=lambda place: replays[place[0]].strand.lengths.sum())
        layer_trace = replays[largest[0]].trace.traces[largest[1]]
        timeline = replays[largest[0]].strand.timeline
        parts.names.append(name)
        parts.calls.append(cut.get(replays[largest[0]].strand.path, 0))
        parts.profiles.append(profile)
        parts.unbroken.append(layer_trace)
        parts.traces.append(timeline.in_order(layer_trace))
    for path in paths:
        parts.modules[path] = captured.modules[path]


def _with_totals(
    replays: Sequence[Replay], members: Sequence[Sequence[tuple[int, int]]], swept: Swept
) -> list[Replay]:
    """The calls with dW_R of all sequences, each layer's with the first calls of its module."""
    totals: dict[int, list[Array]] = {}
    for own in members:
        total = sum(
            (swept.dW_R[n][layer].value(np.dtype(np.float64)) for n, layer in own), np.zeros(())
        )
        totals.setdefault(own[0][0], []).append(total)
    return [replace(own, whole=totals.get(n)) for n, own in enumerate(replays)]


def _cut(chains: Sequence[Chain]) -> dict[str, int]:
    """Modules that are stepped, without any state that goes from one step to the next; with their calls."""
    counts: dict[str, int] = {}
    joined: set[str] = set()
    for chain in chains:
        for call in chain.calls:
            counts[call.path] = counts.get(call.path, 0) + 1
            if call.steps > 1 or len(chain.starts) > 1:
                joined.add(call.path)
    return {path: count for path, count in counts.items() if count > 1 and path not in joined}


def _alone(
    model: nn.Module,
    replays: Sequence[Replay],
    links: Links,
    entering: list[list[Array]],
    max_lag: int | None,
) -> list[str]:
    """How far the gradient reaches within each module of a chain by itself, in sentences.

    Args:
        model: the user's.
        replays: the chain's.
        links: what lies between them.
        entering: per replay and layer the errors of the states, with what other modules send.
        max_lag: the largest lag to compute; None for all of them.
    """
    sentences = []
    for number, (own, errors) in enumerate(zip(replays, entering, strict=True)):
        if not own.strand.timeline.behind or links.inner(number).any():
            continue  # the loss reads it, or its own steps are apart: its lags are those of the chain
        if not all(np.isfinite(d).all() for d in errors):
            continue
        names = _names(model, own.strand.path, own.trace)
        for name, profile in zip(names, by_lag(own.trace, errors, max_lag=max_lag), strict=True):
            sentences.append(
                f"Within {name} alone, from where it hands its states over, lags 0 to {profile.horizon()} hold 95 % of "
                "its gradient."
            )
    return sentences


def _names(model: nn.Module, path: str, trace: StackTrace) -> Sequence[str]:
    """The module's name in the model, level and direction: "encoder.lstm.0", "rnn.1.backward"."""
    plain, path = trace.stack.names, without_wrappers(path, model)
    return [f"{path}.{name.split('.', 1)[1]}" for name in plain] if path else plain
