"""The errors of all loss steps one lag further back each time, all calls at once: a row per loss step and sequence.

The rows that an error reaches are run again as one batch, and go back through it together, so that a lag costs one
vector-Jacobian product however many calls there are, and its G_k is added up there and then.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.presentation.progress import Update
from bptt.torch_models.stepped.calls import Output
from bptt.torch_models.stepped.errors import REACH
from bptt.torch_models.stepped.gathered import Gathered, norm, real
from bptt.torch_models.stepped.named_map import MapFinder
from bptt.torch_models.stepped.recording import back
from bptt.torch_models.stepped.row_errors import RowErrors, Sent
from bptt.torch_models.stepped.rows import Group, Rows


def walk_rows(
    rows: Rows,
    gathered: Gathered,
    loss_steps: Sequence[int],
    columns: Array | None,
    size: int,
    map_name: str | None = None,
    update: Update | None = None,
) -> Iterator[int]:
    """Gather every lag, and say which as soon as it is complete.

    Args:
        rows: of the calls.
        gathered: where it is added up.
        loss_steps: levels whose losses are taken apart.
        columns: (n,) sequences whose losses are taken apart; None for all.
        size: rows at a time.
        map_name: of the parameter that multiplies the state, or None.
        update: shows how far it has come.
    """
    walk = _Walk(rows, gathered, size, map_name)
    errors: RowErrors | None = walk.immediate(set(loss_steps), columns)
    for k in range(gathered.lags):
        if errors is None:
            break
        errors = walk.lag(k, errors)
        yield k
        if update is not None:
            update(k + 1, gathered.lags)


class _Walk:
    def __init__(self, rows: Rows, gathered: Gathered, size: int, map_name: str | None) -> None:
        self.rows, self.gathered, self.size = rows, gathered, size
        self.recording, self.params = rows.recording, rows.recording.params
        self.map = MapFinder(map_name, self.params)
        calls, counts = self.recording.calls, rows.counts
        self.parts = [output.leaf for output in calls[0].outputs]
        self.device = self.parts[0].device
        self.first = np.array(rows.first)
        self.level = np.repeat([call.level for call in calls], counts)
        self.goes_on = np.repeat([bool(call.entries) for call in calls], counts)
        self.call = np.repeat(np.arange(len(calls)), counts)
        self.place = {o.number: n for call in calls for n, o in enumerate(call.outputs)}
        self.state = [
            n for n in range(len(self.parts)) if any(call.outputs[n].comes_in for call in calls)
        ]
        self.group, self.local = rows.where
        self.handed = self._handed()
        self.carried = {
            call.index: [entry for entry in call.entries if not entry.is_output] for call in calls
        }
        self.e = 0

    def _handed(self) -> dict[tuple[int, int], Array]:
        """By position and output, the row that put out what came in at each row; -1 where none did."""
        found: dict[tuple[int, int], Array] = {}
        for call in self.recording.calls:
            for entry in call.entries:
                if not entry.is_output:
                    continue
                earlier = self.recording.places[entry.made_of[0]]
                key = entry.position, self.place[earlier.number]
                target = found.setdefault(key, np.full(len(self.level), -1))
                target[self.rows.span(call.index)] = self.rows.span(earlier.call)
        return found

    def immediate(self, loss_steps: set[int], columns: Array | None) -> RowErrors | None:
        """The immediate errors of some loss steps and sequences."""
        sent: list[Sent] = []
        for call in self.recording.calls:
            if call.level not in loss_steps:
                continue
            for n, output in enumerate(call.outputs):
                own = self.recording.immediate.get(output.number)
                if own is None:
                    continue
                at = np.arange(len(own))
                at = at if columns is None else columns[columns < len(own)]
                kept = own[torch.from_numpy(at).to(self.device)] if columns is not None else own
                sent.append(Sent(n, at + self.rows.first[call.index], kept))
        return RowErrors.of(sent, self.parts)

    def lag(self, k: int, errors: RowErrors) -> RowErrors | None:
        """One lag: what it adds to G_k, and the errors of the next."""
        errors = self._rescaled(k, errors)
        self._signal(errors, k)
        grads: dict[str, Tensor] = {}
        came: dict[int, Tensor] = dict(errors.around)
        of_group = self.group[errors.at]
        for number, group in enumerate(self.rows.groups):
            own = np.flatnonzero((of_group == number) & errors.alive)
            for first in range(0, len(own), self.size):
                some = own[first : first + self.size]
                self._back(group, errors, some, k, grads, came)
        if grads:
            lag, e = np.array([k]), np.array([self.e])
            self.gathered.add(lag, e, {name: grad[None] for name, grad in grads.items()})
        return self._next(k, errors.at, came) if came else None

    def _rescaled(self, k: int, errors: RowErrors) -> RowErrors:
        largest = errors.largest()
        if not np.isfinite(largest):
            raise NonFiniteError(
                "recurrent", "a step with a finite gradient", f"one that is NaN or infinite at lag {k}",
                "Look in the step for a function without a finite derivative, such as a root or a norm at 0.",
            )  # fmt: skip
        power = int(np.frexp(largest)[1])
        if not largest or abs(power) <= REACH.get(real(self.parts[0]), 10):
            return errors
        self.e += power
        return errors.times(float(np.ldexp(1.0, -power)))

    def _signal(self, errors: RowErrors, k: int) -> None:
        by_row = np.square(errors.norms[self.state]).sum(0)
        self.gathered.rows_signal(self.level[errors.at] + k, k, by_row, self.e)
        leaving = float(by_row[self.goes_on[errors.at]].sum())
        self.gathered.size_of_lag("leaving", k, leaving**0.5, self.e)

    def _back(
        self, group: Group, errors: RowErrors, some: Array, k: int, grads: dict[str, Tensor], came: dict[int, Tensor]
    ) -> None:  # fmt: skip
        """Some rows through the step."""
        outputs, leaves = self._run(group, errors.at[some])
        whole = len(some) == len(errors.at)
        at = torch.from_numpy(some).to(self.device)
        sent = [
            (out, part if whole else part[at])
            for out, part in zip(outputs, errors.parts, strict=True) if out is not None
        ]  # fmt: skip
        edges = [out for out, _ in sent]
        product = self.map.find(edges, [*leaves.values()])
        inputs = [*self.params.values(), *leaves.values(), *([product.at] if product else [])]
        found = back(edges, [error for _, error in sent], inputs, False)
        for name, grad in zip(self.params, found, strict=False):
            if grad is not None:
                grads[name] = grads[name] + grad if name in grads else grad
        going = self.goes_on[errors.at[some]]
        on = torch.from_numpy(np.flatnonzero(going)).to(self.device)
        for position, grad in zip(leaves, found[len(self.params) :], strict=False):
            if grad is None or not going.any():
                continue
            if whole and going.all() and position not in came:
                came[position] = grad
                continue
            if position not in came:
                came[position] = grad.new_zeros(len(errors.at), *grad.shape[1:])
            came[position][at[on]] += grad[on]
        if product is not None and found[-1] is not None:
            error = found[-1] if going.all() else found[-1][on]
            self.gathered.size_of_lag("at_map", k, norm([error]), self.e)
            self.gathered.size_of_lag("through_map", k, norm([error @ product.weight]), self.e)

    def _run(self, group: Group, at: Array) -> tuple[list[GradientEdge | None], dict[int, Tensor]]:
        """Where some rows come out of the step, and by position what stands for what came in.

        The rows of one call as they are: its graph is there already.
        """
        call = self.recording.calls[self.call[at[0]]]
        if len(at) == self.rows.counts[call.index] and self.call[at[-1]] == call.index:
            return [o.edge for o in call.outputs], {e.position: e.leaf for e in call.entries}
        local = torch.from_numpy(self.local[at]).to(self.device)
        outputs, leaves = self.rows.run(group, local)
        edges = [get_gradient_edge(out) if out.requires_grad else None for out in outputs]
        return edges, leaves

    def _next(self, k: int, at: Array, came: dict[int, Tensor]) -> RowErrors | None:
        """From what came into the calls to what the calls before put out, and to what goes around these."""
        self.gathered.size_of_lag("entering", k, norm([*came.values()]), self.e)
        sent: list[Sent] = []
        for (position, part), target in self.handed.items():
            if position in came:
                to = target[at]
                rows, there = came[position], np.flatnonzero(to >= 0)
                if len(there) < len(to):
                    rows = rows[torch.from_numpy(there).to(self.device)]
                sent.append(Sent(part, to[there], rows))
        sent += self._carried(at, came)
        return RowErrors.of(sent, self.parts)

    def _carried(self, at: Array, came: dict[int, Tensor]) -> list[Sent]:
        calls = self.call[at]
        entries, errors = [], []
        for call in np.unique(calls):
            first, last = np.searchsorted(calls, [call, call + 1])
            for entry in self.carried[int(call)]:
                if entry.position not in came:
                    continue
                rows, count = came[entry.position][first:last], self.rows.counts[call]
                if last - first < count:
                    places = torch.from_numpy(at[first:last] - self.first[call]).to(self.device)
                    rows = rows.new_zeros(count, *rows.shape[1:]).index_copy(0, places, rows)
                entries.append(entry)
                errors.append(rows)
        sent = []
        for number, error in self.recording.between(entries, errors, False).items():
            place = self.recording.places[number]
            every = self.rows.span(place.call)
            if isinstance(place, Output):
                sent.append(Sent(self.place[number], every, error))
            else:
                sent.append(Sent(None, every, error, place.position))
        return sent
