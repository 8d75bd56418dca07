"""What lies between calls, as the backward pass sees it: pieces of the graph that errors are carried through.

Errors keep their scale apart here too: those of one call go through the graph as multiples of a power of two.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from bptt.arrays import Array
from bptt.gradients.by_lag.between_columns import Arriving, Leaving
from bptt.gradients.by_lag.rows import Rows
from bptt.torch_models.capture import Call, Start
from bptt.torch_models.capture.carry import back_through
from bptt.torch_models.capture.numbers import layer_errors, like_pytorch
from bptt.torch_models.replay.run_again import Replay

NO_SCALE = -(2**40)


class Links:
    """What takes errors from the beginnings of columns back to the columns that they were made of.

    Args:
        replays: the stacks, in the order that ``linked_by_lag`` gets them.
    """

    def __init__(self, replays: Sequence[Replay]) -> None:
        self.replays = replays
        self._places = {
            start.call.index: (number, start)
            for number, replay in enumerate(replays)
            for start in replay.strand.starts
        }

    @property
    def links_anything(self) -> bool:
        """Whether any call is linked to another."""
        return bool(self._batches)

    @cached_property
    def order(self) -> list[tuple[int, Array]]:
        """Columns by the call that they begin with, the last calls first."""
        order = []
        for index in sorted(self._places, reverse=True):
            number, _ = self._places[index]
            strand = self.replays[number].strand
            begins = strand.begins[index]
            if begins.any():
                order.append((number, strand.column[index][begins]))
        return order

    def reads(self, stack: int) -> bool:
        """Whether errors at the inputs of this stack are to be taken back too."""
        return any(start.feeds == "carried" for start in self.replays[stack].strand.starts)

    def inner(self, stack: int) -> Array:
        """(columns,) which columns go on from calls of the same module, whatever else they read."""
        strand = self.replays[stack].strand
        own = {
            start.call.index
            for start in strand.starts
            if any(call.path == strand.path for call in start.sources)
        }
        return np.isin(self._begins[stack], list(own))

    def back(self, leaving: Sequence[Leaving]) -> Iterable[Arriving]:
        """Where errors that leave columns arrive."""
        going: dict[int, list[tuple[Start, int, list[Tensor]]]] = {}
        for own in leaving:
            for start in self._alive(own):
                scaled = _scaled(start, own, self.replays[own.stack])
                if scaled is not None:
                    batch = self._batches[start.call.index]
                    going.setdefault(batch, []).append((start, *scaled))
        for batch in sorted(going):
            yield from self._arrived(going[batch])

    def _alive(self, own: Leaving) -> list[Start]:
        """The linked calls that an error leaves, in order."""
        parts = [rows.D[0] for rows in own.states if rows is not None]
        parts += [] if own.inputs is None else [_at_first_step(own.inputs)[0]]
        if not parts:
            return []
        alive = np.logical_or.reduce([D.any(-1) for D in parts])
        calls = np.unique(self._begins[own.stack][own.columns[alive]])
        starts = [self._places[index][1] for index in calls.tolist()]
        return [start for start in starts if start.call.index in self._batches]

    @cached_property
    def _begins(self) -> list[Array]:
        """Per stack (columns,) the index of the call that each column begins with."""
        per_stack = []
        for replay in self.replays:
            begins = np.zeros(len(replay.strand.lengths), np.intp)
            for index, columns in replay.strand.column.items():
                begins[columns[replay.strand.begins[index]]] = index
            per_stack.append(begins)
        return per_stack

    @cached_property
    def _batches(self) -> dict[int, int]:
        """By the index of a linked call, the batch it goes with: those that share no call they were made of."""
        batches: dict[int, int] = {}
        taken: list[set[int]] = []
        for index, (_, start) in self._places.items():
            sources = {call.index for call in start.sources}
            if not sources:
                continue
            free = (number for number, others in enumerate(taken) if not others & sources)
            number = next(free, len(taken))
            if number == len(taken):
                taken.append(set())
            taken[number] |= sources
            batches[index] = number
        return batches

    def _arrived(self, going: list[tuple[Start, int, list[Tensor]]]) -> Iterable[Arriving]:
        """Where the errors of calls arrive that share no call they were made of."""
        sources = {call.index: (call, start, e) for start, e, _ in going for call in start.sources}
        grads = back_through(
            [entry for start, _, _ in going for entry in entries_of(start)],
            [error for _, _, errors in going for error in errors],
            [call for call, _, _ in sources.values()],
        )
        arrivals: dict[tuple[int, int, int, bool], list[_Landing]] = {}
        for (call, start, e), own in zip(sources.values(), grads, strict=True):
            if all(grad is None for grad in own):
                continue
            number, source = self._places[call.index]
            gap, lengths = start.first - source.last, np.array(call.lengths)
            strand = self.replays[number].strand
            for layer, array in enumerate(layer_errors(call, own)):
                t, b = np.nonzero(array.any(2))
                later = gap + lengths[b] - 1 - t
                for lags in sorted(set(later.tolist())):
                    rows = t[later == lags], b[later == lags]
                    steps = strand.step[call.index][rows[1]] + rows[0]
                    columns = strand.column[call.index][rows[1]]
                    inner = call.path == start.call.path
                    arrivals.setdefault((number, layer, lags, inner), []).append(
                        (steps, columns, array[rows], e)
                    )
        for place, landings in arrivals.items():
            yield _arriving(*place, landings)


_Landing = tuple[Array, Array, Array, int]  # steps, columns, errors (n, S) and their exponent


def _arriving(
    number: int, layer: int, later: int, inner: bool, landings: list[_Landing]
) -> Arriving:
    """All that arrives in one layer at one lag.

    Args:
        number: of the stack.
        layer: number of the layer.
        later: lags that were jumped over.
        inner: whether it comes from calls of the same module.
        landings: the errors, and where they land.
    """
    steps, at, errors = (np.concatenate([own[i] for own in landings]) for i in range(3))
    exponents = np.concatenate([np.full(len(own[0]), own[3]) for own in landings])
    columns, place = np.unique(at, return_inverse=True)
    first, last = int(steps.min()), int(steps.max()) + 1
    shape = last - first, len(columns)
    D = np.zeros((*shape, errors.shape[1]), errors.dtype)
    e, reach = np.zeros(shape, np.int64), np.zeros(shape, bool)
    D[steps - first, place], e[steps - first, place] = errors, exponents
    reach[steps - first, place] = True
    return Arriving(number, layer, columns, later, Rows.of(first, D, e, reach), inner)


def entries_of(start: Start) -> list[GradientEdge | None]:
    """Where errors that leave a call stand in the graph: its states, and its inputs if they are carried."""
    call = start.call
    entries = [] if call.state_gate is None else list(call.state_gate.entries)
    if start.feeds == "carried" and call.input_gate is not None:
        entries += call.input_gate.entries
    return entries


def _at_first_step(rows: Rows) -> tuple[Array, Array]:
    """(B, ·) errors at step 0 of every column, and their exponents; zero where they stand at later ones."""
    if rows.first == 0:
        return rows.D[0], rows.e[0]
    return np.zeros_like(rows.D[0]), np.zeros_like(rows.e[0])


def _scaled(start: Start, own: Leaving, replay: Replay) -> tuple[int, list[Tensor]] | None:
    """Errors at a call's initial states, and at its inputs where those are carried, over 2^e, and e."""
    call = start.call
    at = np.searchsorted(own.columns, replay.strand.column[call.index])
    states = [None if rows is None else (rows.D[0][at], rows.e[0][at]) for rows in own.states]
    inputs = None
    if start.feeds == "carried" and own.inputs is not None:
        D, e = _at_first_step(own.inputs)
        inputs = D[None, at], e[None, at]
    parts = [
        *(state for state in states if state is not None),
        *([] if inputs is None else [inputs]),
    ]
    # The largest error is sent as a number near 1: half precision has no room for any other.
    sizes = [e + np.frexp(np.abs(D).max(-1))[1] for D, e in parts]
    tops = [
        int(size[D.any(-1)].max(initial=NO_SCALE))
        for (D, _), size in zip(parts, sizes, strict=True)
    ]
    top = max(tops, default=NO_SCALE)
    if top == NO_SCALE:
        return None

    def unscaled(part: tuple[Array, Array]) -> Array:
        D, e = part
        shift = np.where(D.any(-1), e - top, 0)
        return np.ldexp(D, shift[..., None]) if shift.any() else D

    tensors: list[Tensor] = []
    if call.state_gate is not None:
        by_layer = [None if part is None else unscaled(part) for part in states]
        tensors += state_tensors(call, by_layer, replay)
    if start.feeds == "carried" and call.input_gate is not None:
        x = call.x
        tensors.append(
            torch.zeros_like(x) if inputs is None else like_pytorch(call, unscaled(inputs), x)
        )
    return top, tensors


def state_tensors(call: Call, by_layer: Sequence[Array | None], replay: Replay) -> list[Tensor]:
    """Errors of the initial states of every layer, (B, S), as tensors like those that passed the gate.

    Args:
        call: whose states.
        by_layer: the errors, None for zero.
        replay: the call's.
    """
    B = len(call.lengths)
    sizes = [replay.trace.traces[0].layer.hidden] * len(call.states)
    parts: list[list[Array]] = [[] for _ in call.states]
    for errors, W_hr in zip(by_layer, replay.projections, strict=True):
        for number, H in enumerate(sizes):
            own = np.zeros((B, H)) if errors is None else errors[:, number * H : (number + 1) * H]
            if (
                number == 0 and W_hr is not None
            ):  # from the states before the projection to those behind it
                own = own @ np.linalg.pinv(W_hr)
            parts[number].append(own)
    return [
        torch.from_numpy(np.stack(parts[n]).reshape(call.states[n].shape)).to(call.states[n])
        for n in call.gated
    ]
