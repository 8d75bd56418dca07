"""All calls of a step as rows of one batch, where that gives the same outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from bptt.arrays import Array
from bptt.torch_models.stepped.calls import KEPT, StepCall
from bptt.torch_models.stepped.recording import Recording


@dataclass(eq=False)
class Group:
    """Calls that were given arguments of the same kinds.

    Attributes:
        rows: (n,) where their rows stand among those of all calls.
        arguments: flat; those with a row per sequence one call after the other, the others as they are.
        form: how they are put together.
        by_row: positions of those with a row per sequence.
        came_in: positions of those that were made of earlier outputs, in some of the calls.
        same: for each argument the first that is the same tensor.
    """

    rows: Tensor
    arguments: list[Any]
    form: TreeSpec
    by_row: set[int]
    came_in: list[int]
    same: list[int]


@dataclass(eq=False)
class Rows:
    """The rows of all calls.

    Attributes:
        recording: the calls.
        first: by call, its first row.
        counts: by call, how many it has.
        groups: the calls by the kinds of their arguments.
        positions: of the outputs that need a gradient, the same in every call.
    """

    recording: Recording
    first: list[int]
    counts: list[int]
    groups: list[Group]
    positions: list[int]

    @cached_property
    def where(self) -> tuple[Array, Array]:
        """(R,) the number of each row's group, and where it stands within that."""
        number, local = np.zeros(sum(self.counts), int), np.zeros(sum(self.counts), int)
        for n, group in enumerate(self.groups):
            own = group.rows.cpu().numpy()
            number[own], local[own] = n, np.arange(len(own))
        return number, local

    @property
    def meet(self) -> bool:
        """Whether enough calls share a group for their rows to be worth running together."""
        return 4 * len(self.groups) <= len(self.recording.calls)

    def span(self, call: int) -> Array:
        """The rows of one call."""
        return np.arange(self.first[call], self.first[call] + self.counts[call])

    def run(self, group: Group, some: Tensor) -> tuple[list[Any], dict[int, Tensor]]:
        """Some rows of a group at once.

        Args:
            group: whose.
            some: (n,) which, within the group.

        Returns:
            what comes out at ``positions``; by position, the leaves that stand for what came in.
        """
        arguments: list[Any] = list(group.arguments)
        leaves: dict[int, Tensor] = {}
        for position, value in enumerate(arguments):
            if position not in group.by_row or group.same[position] != position:
                continue
            rows = value.index_select(0, some)
            if position in group.came_in:
                leaves[position] = rows.requires_grad_()
                rows = rows.clone()
            arguments[position] = rows
        arguments = [arguments[first] for first in group.same]
        args, kwargs = tree_unflatten(arguments, group.form)
        returned, _ = tree_flatten(self.recording.forward(*args, **kwargs))
        return [returned[position] for position in self.positions], leaves

    def chunks(self, group: Group, local: Tensor, size: int) -> Sequence[Tensor]:
        """The rows of a group in portions of at most so many."""
        parts: Sequence[Tensor] = torch.split(local, size) if len(local) else ()
        return parts


def rows_of(recording: Recording, size: int) -> Rows | None:
    """The calls as rows; None where they are none: where rows meet, numbers are drawn, or a state is kept by the module.

    Args:
        recording: the calls.
        size: rows at a time.
    """
    calls = recording.calls
    places = recording.places.values()
    kept = any(place.position == KEPT for place in places)
    if kept or recording.axis:
        return None
    positions = [output.position for output in calls[0].outputs]
    shapes = [output.leaf.shape[1:] for output in calls[0].outputs]
    for call in calls:
        own = [output.leaf for output in call.outputs]
        if [o.position for o in call.outputs] != positions or any(leaf.ndim == 0 for leaf in own):
            return None
        if [leaf.shape[1:] for leaf in own] != shapes or len({len(leaf) for leaf in own}) != 1:
            return None
    counts = [len(call.outputs[0].leaf) for call in calls]
    first = [sum(counts[:n]) for n in range(len(counts))]
    groups = _groups(calls, first, counts)
    if groups is None:
        return None
    rows = Rows(recording, first, counts, groups, positions)
    return rows if _alike(rows, size) else None


def _groups(calls: list[StepCall], first: list[int], counts: list[int]) -> list[Group] | None:
    by_kind: dict[Any, list[StepCall]] = {}
    for call in calls:
        kinds = tuple(_kind(value, counts[call.index]) for value in call.arguments)
        by_kind.setdefault((str(call.form), tuple(call.same), kinds), []).append(call)
    groups = []
    for own in by_kind.values():
        place = own[0].outputs[0].leaf.device
        rows = torch.cat(
            [torch.arange(first[c.index], first[c.index] + counts[c.index]) for c in own]
        )
        by_row = {
            n for n, value in enumerate(own[0].arguments) if _has_rows(value, counts[own[0].index])
        }
        arguments = []
        for n, value in enumerate(own[0].arguments):
            if n in by_row:
                arguments.append(torch.cat([call.arguments[n] for call in own]))
                continue
            if not all(_equal(call.arguments[n], value) for call in own):
                return None
            arguments.append(value)
        came_in = sorted({entry.position for call in own for entry in call.entries})
        if not set(came_in) <= by_row:
            return None
        groups.append(Group(rows.to(place), arguments, own[0].form, by_row, came_in, own[0].same))
    return groups


def _has_rows(value: Any, count: int) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0 and len(value) == count


def _kind(value: Any, count: int) -> Any:
    if not isinstance(value, Tensor):
        return type(value)
    shape = value.shape[1:] if _has_rows(value, count) else value.shape
    return _has_rows(value, count), value.dtype, tuple(shape)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    try:
        return one is other or bool(one == other)
    except Exception:
        return False


def _alike(rows: Rows, size: int) -> bool:
    """Whether the same comes out of rows of one batch as came out of the calls."""
    recorded = [
        torch.cat([call.outputs[n].leaf.detach() for call in rows.recording.calls])
        for n in range(len(rows.positions))
    ]
    limits = [
        1e2 * torch.finfo(each.dtype).eps * float(each.abs().max()) if each.numel() else 0.0
        for each in recorded
    ]
    try:
        with torch.no_grad():
            for group in rows.groups:
                every = torch.arange(len(group.rows), device=group.rows.device)
                for some in rows.chunks(group, every, size):
                    returned, _ = rows.run(group, some)
                    for ours, theirs, limit in zip(returned, recorded, limits, strict=True):
                        wanted = theirs.index_select(0, group.rows[some])
                        if ours.shape != wanted.shape:
                            return False
                        if ours.numel() and not float((ours - wanted).abs().max()) <= limit:
                            return False
    except Exception:  # whatever a step says of a batch that it was not made for
        return False
    return True
