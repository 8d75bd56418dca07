"""The errors of all loss steps one lag further back each time, all calls at once: a row per loss step and sequence.

The rows that an error reaches are run again as one batch, and go back through it together, so that a lag costs one
vector-Jacobian product however many calls there are, and its G_k is added up there and then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.presentation.progress import Update
from bptt.torch_models.stepped.by_calls import count_map
from bptt.torch_models.stepped.calls import Output
from bptt.torch_models.stepped.errors import REACH
from bptt.torch_models.stepped.gathered import Gathered, real, squares
from bptt.torch_models.stepped.named_map import named_map
from bptt.torch_models.stepped.recording import back
from bptt.torch_models.stepped.rows import Group, Rows


def walk_rows(
    rows: Rows,
    gathered: Gathered,
    loss_steps: Sequence[int],
    columns: Array | None,
    size: int,
    map_name: str | None = None,
    update: Update | None = None,
) -> None:
    """Gather every lag.

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
    walk.begin(set(loss_steps), columns)
    for k in range(gathered.lags):
        if not walk.lag(k):
            break
        if update is not None:
            update(k + 1, gathered.lags)


@dataclass(eq=False)
class _Handed:
    """Rows at which what came in at a position is an output of the step before, as it was put out."""

    position: int
    output: int
    source: Tensor
    target: Tensor


class _Walk:
    def __init__(self, rows: Rows, gathered: Gathered, size: int, map_name: str | None) -> None:
        self.rows, self.gathered, self.size, self.map_name = rows, gathered, size, map_name
        self.recording, self.params = rows.recording, rows.recording.params
        calls, counts = self.recording.calls, rows.counts
        self.device = calls[0].outputs[0].leaf.device
        self.level = np.repeat([call.level for call in calls], counts)
        self.goes_on = np.repeat([bool(call.entries) for call in calls], counts)
        self.going = torch.from_numpy(self.goes_on).to(self.device)
        self.place = {o.number: n for call in calls for n, o in enumerate(call.outputs)}
        self.comes_in = [
            any(call.outputs[n].comes_in for call in calls) for n in range(len(rows.positions))
        ]
        self.local = torch.zeros(sum(counts), dtype=torch.long, device=self.device)
        for group in rows.groups:
            self.local[group.rows] = torch.arange(len(group.rows), device=self.device)
        self.handed = self._handed()
        self.carried = [
            (call, entry) for call in calls for entry in call.entries if not entry.is_output
        ]
        self.around: dict[int, Tensor] = {}  # by position, errors that go around a call
        self.e = 0

    def _handed(self) -> list[_Handed]:
        found: dict[tuple[int, int], tuple[list[Tensor], list[Tensor]]] = {}
        for call in self.recording.calls:
            for entry in call.entries:
                if not entry.is_output:
                    continue
                earlier = self.recording.places[entry.made_of[0]]
                key = entry.position, self.place[earlier.number]
                source, target = found.setdefault(key, ([], []))
                source.append(self._of(call.index))
                target.append(self._of(earlier.call))
        return [
            _Handed(*key, torch.cat(source), torch.cat(target))
            for key, (source, target) in found.items()
        ]

    def _of(self, call: int) -> Tensor:
        first = self.rows.first[call]
        return torch.arange(first, first + self.rows.counts[call], device=self.device)

    def _span(self, call: int) -> slice:
        first = self.rows.first[call]
        return slice(first, first + self.rows.counts[call])

    def begin(self, loss_steps: set[int], columns: Array | None) -> None:
        """The immediate errors of some loss steps and sequences."""
        total = sum(self.rows.counts)
        self.errors = [
            output.leaf.new_zeros(total, *output.leaf.shape[1:])
            for output in self.recording.calls[0].outputs
        ]
        for call in self.recording.calls:
            if call.level not in loss_steps:
                continue
            for n, output in enumerate(call.outputs):
                own = self.recording.immediate.get(output.number)
                if own is None:
                    continue
                if columns is not None:
                    kept = torch.zeros_like(own)
                    at = torch.from_numpy(columns[columns < len(own)]).to(self.device)
                    kept[at] = own[at]
                    own = kept
                self.errors[n][self._span(call.index)] += own

    def lag(self, k: int) -> bool:
        """One lag; whether there was anything at it."""
        self._rescale(k)
        active = torch.stack([e.reshape(len(e), -1).any(1) for e in self.errors]).any(0)
        at = np.flatnonzero(active.cpu().numpy())
        if not len(at) and not self.around:
            return False
        self._signal(at, k)
        grads: dict[str, Tensor] = {}
        came = self.around
        for group in self.rows.groups:
            own = self.local[group.rows[active[group.rows]]]
            for some in self.rows.chunks(group, own, self.size):
                self._back(group, some, k, grads, came)
        lags, e = np.array([k]), np.array([self.e])
        self.gathered.add(lags, e, {name: grad[None] for name, grad in grads.items()})
        self._go_on(k, came)
        return True

    def _rescale(self, k: int) -> None:
        every = [*self.errors, *self.around.values()]
        largest = max(float(error.abs().max()) if error.numel() else 0.0 for error in every)
        if not np.isfinite(largest):
            raise NonFiniteError(
                "recurrent", "a step with a finite gradient", f"one that is NaN or infinite at lag {k}",
                "Look in the step for a function without a finite derivative, such as a root or a norm at 0.",
            )  # fmt: skip
        power = int(np.frexp(largest)[1])
        if largest and abs(power) > REACH.get(real(self.errors[0]), 10):
            factor = float(np.ldexp(1.0, -power))
            self.errors = [error * factor for error in self.errors]
            self.around = {n: error * factor for n, error in self.around.items()}
            self.e += power

    def _signal(self, at: Array, k: int) -> None:
        if not len(at):
            return
        state = [e for e, comes_in in zip(self.errors, self.comes_in, strict=True) if comes_in]
        by_row = squares(state).cpu().numpy()[at]
        self.gathered.rows_signal(self.level[at] + k, k, by_row, self.e)
        leaving = by_row[self.goes_on[at]].sum()
        self._size("leaving", k, torch.tensor([leaving]))

    def _size(self, name: str, k: int, sums: Tensor) -> None:
        self.gathered.size(name, np.array([k]), sums, np.array([self.e]))

    def _back(
        self, group: Group, some: Tensor, k: int, grads: dict[str, Tensor], came: dict[int, Tensor]
    ) -> None:
        """Some rows through the step."""
        outputs, leaves = self.rows.run(group, some)
        rows = group.rows[some]
        sent = [
            (out, error[rows])
            for out, error in zip(outputs, self.errors, strict=True) if out.requires_grad
        ]  # fmt: skip
        edges = [torch.autograd.graph.get_gradient_edge(out) for out, _ in sent]
        product = named_map(edges, [*leaves.values()], self.params) if self.map_name else None
        inputs = [*self.params.values(), *leaves.values(), *([product.at] if product else [])]
        found = back(edges, [error for _, error in sent], inputs, False)
        for name, grad in zip(self.params, found, strict=False):
            if grad is not None:
                grads[name] = grads[name] + grad if name in grads else grad
        for position, grad in zip(leaves, found[len(self.params) :], strict=False):
            if grad is not None:
                going = self.going[rows]
                grad = grad * going.reshape(-1, *[1] * (grad.ndim - 1)).to(grad.dtype)
                if position not in came:
                    came[position] = grad.new_zeros(len(self.level), *grad.shape[1:])
                came[position][rows] += grad
        if product is not None and product.name == self.map_name and found[-1] is not None:
            lag, e = np.array([k]), np.array([self.e])
            count_map(self.gathered, product, found[-1][self.going[rows]][None], lag, e)

    def _go_on(self, k: int, came: dict[int, Tensor]) -> None:
        """From what came into the calls to what the calls before put out."""
        later = [torch.zeros_like(error) for error in self.errors]
        self.around = {}
        self._size(
            "entering",
            k,
            squares([rows[None] for rows in came.values()]) if came else torch.zeros(1),
        )
        for handed in self.handed:
            if handed.position in came:
                rows = came[handed.position][handed.source]
                later[handed.output].index_add_(0, handed.target, rows)
        entries, errors = [], []
        for call, entry in self.carried:
            if entry.position in came:
                error = came[entry.position][self._span(call.index)]
                if bool(error.any()):
                    entries.append(entry)
                    errors.append(error)
        for number, error in self.recording.between(entries, errors, False).items():
            place = self.recording.places[number]
            if isinstance(place, Output):
                later[self.place[number]][self._span(place.call)] += error
                continue
            if place.position not in self.around:
                self.around[place.position] = torch.zeros_like(came[place.position])
            self.around[place.position][self._span(place.call)] += error
        self.errors = later
