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
from bptt.gradients.by_lag.linked import Arriving, Leaving
from bptt.gradients.by_lag.scaled import Rows
from bptt.torch_models.calls import Call
from bptt.torch_models.carry import back_through
from bptt.torch_models.joins import Start
from bptt.torch_models.numbers import layer_errors, like_pytorch
from bptt.torch_models.replay import Replay

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

    def back(self, leaving: Sequence[Leaving]) -> Iterable[Arriving]:
        """Where errors that leave columns arrive."""
        for batch in self._batches:
            sent: dict[int, int] = {}  # by the call's index: the exponent of its errors
            entries: list[GradientEdge | None] = []
            errors: list[Tensor] = []
            for start in batch:
                own = self._sent(start, leaving)
                if own is not None:
                    sent[start.call.index], tensors = own
                    entries += entries_of(start)
                    errors += tensors
            if sent:
                going = [s for s in batch if s.call.index in sent]
                yield from self._arrived(going, sent, entries, errors)

    @cached_property
    def _batches(self) -> list[list[Start]]:
        """Linked calls, those together that share no call that they were made of."""
        batches: list[list[Start]] = []
        taken: list[set[int]] = []
        for _, start in self._places.values():
            sources = {call.index for call in start.sources}
            if not sources:
                continue
            for batch, others in zip(batches, taken, strict=True):
                if not others & sources:
                    batch.append(start)
                    others |= sources
                    break
            else:
                batches.append([start])
                taken.append(set(sources))
        return batches

    def _sent(self, start: Start, leaving: Sequence[Leaving]) -> tuple[int, list[Tensor]] | None:
        """The errors that leave a call at its beginning, over 2^e, and e; None for none."""
        call = start.call
        number, _ = self._places[call.index]
        replay = self.replays[number]
        for own in leaving:
            if own.stack != number:
                continue
            columns = replay.strand.column[call.index]
            at = np.searchsorted(own.columns, columns)
            if at.max() >= len(own.columns) or not np.array_equal(own.columns[at], columns):
                continue  # a part of the stack that does not have this call
            return _scaled(start, own, at, replay)
        return None

    def _arrived(
        self,
        starts: list[Start],
        sent: dict[int, int],
        entries: list[GradientEdge | None],
        errors: list[Tensor],
    ) -> Iterable[Arriving]:
        sources = {call.index: (call, start) for start in starts for call in start.sources}
        calls = [call for call, _ in sources.values()]
        grads = back_through(entries, errors, calls)
        arrivals: dict[tuple[int, int, int], list[_Landing]] = {}
        for (call, start), own in zip(sources.values(), grads, strict=True):
            if all(grad is None for grad in own):
                continue
            number, place = self._places[call.index]
            gap = start.first - place.last
            lengths = np.array(call.lengths)
            strand = self.replays[number].strand
            for layer, array in enumerate(layer_errors(call, own)):
                t, b = np.nonzero(array.any(2))
                later = gap + lengths[b] - 1 - t
                for lags in sorted(set(later.tolist())):
                    chosen = later == lags
                    rows = t[chosen], b[chosen]
                    steps = strand.step[call.index][rows[1]] + rows[0]
                    columns = strand.column[call.index][rows[1]]
                    arrivals.setdefault((number, layer, lags), []).append(
                        (steps, columns, array[rows], sent[start.call.index])
                    )
        for (number, layer, lags), landings in arrivals.items():
            yield _arriving(number, layer, lags, landings)


_Landing = tuple[Array, Array, Array, int]  # steps, columns, errors (n, S) and their exponent


def _arriving(number: int, layer: int, later: int, landings: list[_Landing]) -> Arriving:
    steps, at, errors = (np.concatenate([own[i] for own in landings]) for i in range(3))
    exponents = np.concatenate([np.full(len(own[0]), own[3]) for own in landings])
    columns, place = np.unique(at, return_inverse=True)
    first, last = int(steps.min()), int(steps.max()) + 1
    shape = last - first, len(columns)
    D = np.zeros((*shape, errors.shape[1]), errors.dtype)
    e, reach = np.zeros(shape, np.int64), np.zeros(shape, bool)
    D[steps - first, place], e[steps - first, place] = errors, exponents
    reach[steps - first, place] = True
    return Arriving(number, layer, columns, later, Rows.of(first, D, e, reach))


def entries_of(start: Start) -> list[GradientEdge | None]:
    """Where errors that leave a call stand in the graph: its states, and its inputs if they are carried."""
    call = start.call
    entries = [] if call.state_gate is None else list(call.state_gate.entries)
    if start.feeds == "carried" and call.input_gate is not None:
        entries += call.input_gate.entries
    return entries


def _scaled(
    start: Start, own: Leaving, at: Array, replay: Replay
) -> tuple[int, list[Tensor]] | None:
    """Errors at a call's initial states, and at its inputs where those are carried."""
    call = start.call
    states = [None if rows is None else (rows.D[0][at], rows.e[0][at]) for rows in own.states]
    inputs = None
    if start.feeds == "carried" and own.inputs is not None:
        rows = own.inputs.widened(0, 1)
        inputs = rows.D[:1, at], rows.e[:1, at]
    parts = [
        *(state for state in states if state is not None),
        *([] if inputs is None else [inputs]),
    ]
    tops = [int(e[D.any(-1)].max(initial=NO_SCALE)) for D, e in parts]
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
