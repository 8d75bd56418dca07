"""Errors of all loss steps carried back call by call, whatever links the calls.

At each call the errors of every loss step that reaches it go through its graph together (a batched vector-Jacobian product),
and through the graph between the calls to the outputs of earlier ones. Random numbers that a step drew stay as they were.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.presentation.progress import Update
from bptt.torch_models.stepped.calls import Entry, Output, StepCall
from bptt.torch_models.stepped.errors import Errors, together
from bptt.torch_models.stepped.gathered import Gathered, squares_of, totals
from bptt.torch_models.stepped.held_errors import HeldErrors
from bptt.torch_models.stepped.named_map import MapFinder, NamedMap
from bptt.torch_models.stepped.recording import Recording, back


def walk_calls(
    recording: Recording,
    gathered: Gathered,
    loss_steps: Sequence[int],
    block: int,
    map_name: str | None = None,
    held: HeldErrors | None = None,
    update: Update | None = None,
) -> None:
    """Gather every lag.

    Args:
        recording: the calls.
        gathered: where it is added up.
        loss_steps: levels whose losses are taken apart, in order.
        block: how many of them are carried back together.
        map_name: of the parameter that multiplies the state, or None.
        held: makes the parameters' part lag by lag; None makes it call by call.
        update: shows how far it has come.
    """
    calls = sorted(recording.calls, key=lambda call: (-call.level, -call.index))
    blocks = [loss_steps[n : n + block] for n in range(0, len(loss_steps), block)]
    for done, some in enumerate(blocks):
        walk = _Walk(recording, gathered, np.array(some), map_name, held)
        for number, call in enumerate(calls):
            walk.take(call)
            if update is not None:
                update(done * len(calls) + number + 1, len(blocks) * len(calls))
        if held is not None:
            held.add_up()


class _Walk:
    """Of one block of loss steps."""

    def __init__(
        self, recording: Recording, gathered: Gathered, t: Array, map_name: str | None, held: HeldErrors | None
    ) -> None:  # fmt: skip
        self.recording, self.gathered, self.t, self.held = recording, gathered, t, held
        self.params = recording.params
        self.map = MapFinder(map_name, self.params)
        self.pending: dict[int, Errors] = {}

    def take(self, call: StepCall) -> None:
        """One call, once all later ones are done."""
        self._immediate(call)
        first, last = np.searchsorted(self.t, [call.level, call.level + self.gathered.lags])
        some = slice(int(first), int(last))  # not the losses before it, nor those too far behind it
        outputs, parts = self._taken(call.outputs)
        if parts and first < last:
            rows, e, alive = together(parts, some)
            if alive.any():
                rows, e, t = _chosen(rows, e, alive, self.t[some])
                self._signal(call, outputs, rows, t, e)
                if self.held is not None:
                    self.held.keep(call, outputs, rows, t, e)
                self._back(call, [output.edge for output in outputs], rows, t, e)
        entries, came = self._taken(call.entries)
        if came and first < last:
            rows, e, alive = together(came, some)
            if alive.any():
                rows, e, t = _chosen(rows, e, alive, self.t[some])
                self._go_on(call, entries, rows, t, e)

    def _taken(self, places: Sequence[Any]) -> tuple[list[Any], list[Errors]]:
        found = [place for place in places if place.number in self.pending]
        return found, [self.pending.pop(place.number) for place in found]

    def _immediate(self, call: StepCall) -> None:
        at = np.flatnonzero(self.t == call.level)
        for output in call.outputs:
            own = self.recording.immediate.get(output.number)
            if own is not None and len(at):
                row = int(at[0])
                zero = np.zeros(1, int)
                self._at(output.number, own).add(slice(row, row + 1), own[None], zero)

    def _signal(
        self, call: StepCall, outputs: list[Output], rows: list[Tensor], t: Array, e: Array
    ) -> None:
        state = [row for output, row in zip(outputs, rows, strict=True) if output.comes_in]
        if not state:
            return
        by_sequence = squares_of(state, self.recording.axis)
        self.gathered.signal(t, t - call.level, by_sequence, e)
        if call.entries:
            self.gathered.size("leaving", t - call.level, by_sequence.sum(1), e)

    def _at(self, number: int, like: Tensor) -> Errors:
        return self.pending.setdefault(number, Errors.none(len(self.t), like))

    def _back(
        self, call: StepCall, edges: list[Any], rows: list[Tensor], t: Array, e: Array
    ) -> None:
        """Through a call."""
        alone = len(t) == 1
        states = [entry.leaf for entry in call.entries]
        product = self.map.find(edges, states)
        params = self.params if self.held is None else {}
        inputs = [*params.values(), *states, *([product.at] if product else [])]
        sent = [row[0] for row in rows] if alone else rows
        found = back(edges, sent, inputs, not alone, self.recording.one_by_one)
        if alone:
            found = [None if grad is None else grad[None] for grad in found]
        k, n = t - call.level, len(params)
        if params:
            pairs = zip(params, found[:n], strict=True)
            self.gathered.add(k, e, {name: grad for name, grad in pairs if grad is not None})
        if product is not None and found[-1] is not None:
            count_map(self.gathered, product, found[-1], k, e)
        for entry, grad in zip(call.entries, found[n : n + len(states)], strict=True):
            if grad is not None:
                self._put(entry.number, entry.leaf, grad, t, e)

    def _go_on(
        self, call: StepCall, entries: list[Entry], rows: list[Tensor], t: Array, e: Array
    ) -> None:
        """Through what lies before a call."""
        self.gathered.size("entering", t - call.level, totals(rows), e)
        alone = len(t) == 1
        passed = self.recording.between(
            entries, [row[0] for row in rows] if alone else rows, not alone
        )
        for number, grad in passed.items():
            like = self.recording.places[number].leaf
            self._put(number, like, grad[None] if alone else grad, t, e)

    def _put(self, number: int, like: Tensor, rows: Tensor, t: Array, e: Array) -> None:
        at = np.searchsorted(self.t, t)
        pending = self._at(number, like)
        if at[-1] - at[0] + 1 == len(at):
            pending.add(slice(int(at[0]), int(at[-1]) + 1), rows, e)
            return
        for row, place in enumerate(at):
            pending.add(slice(int(place), int(place) + 1), rows[row : row + 1], e[row : row + 1])


def _chosen(
    rows: list[Tensor], e: Array, alive: Array, t: Array
) -> tuple[list[Tensor], Array, Array]:
    """The loss steps that have an error."""
    if alive.all():
        return rows, e, t
    chosen = np.flatnonzero(alive)
    at = torch.from_numpy(chosen).to(rows[0].device)
    return [row[at] for row in rows], e[chosen], t[chosen]


def count_map(gathered: Gathered, product: NamedMap, errors: Tensor, k: Array, e: Array) -> None:
    """The sizes of the errors where the named map's product comes out, and behind it.

    Args:
        gathered: where they are added up.
        product: of the state with the map.
        errors: (R, B, ·) there.
        k: (R,) the lags.
        e: (R,) exponents.
    """
    gathered.size("at_map", k, totals([errors]), e)
    gathered.size("through_map", k, totals([errors @ product.weight]), e)
