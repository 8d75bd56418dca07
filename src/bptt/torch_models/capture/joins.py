"""How calls go on from one another.

A call continues another one wherever its initial states depend on what the other handed out. If each of its
sequences takes up the states of one sequence as they are, or starts from zero, the two calls are one
sequence (``Start.rows``); whatever else lies between them is a piece of the graph that errors are carried through
(``Start.link``). Which it is, the numbers say: the states must be equal, and a random error must come out as it
went in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.torch_models.capture.calls import Call
from bptt.torch_models.capture.carry import back_through
from bptt.torch_models.capture.dependence import Reach, direct, nodes_of
from bptt.torch_models.capture.gates import Gate
from bptt.torch_models.capture.numbers import states_of

Row = tuple[int, int]  # index of a call, and a sequence of its batch


@dataclass(eq=False)
class Start:
    """How a call starts.

    Attributes:
        call: the call.
        first: its first step, counted along the chain of calls that it goes on from.
        before: the calls that its initial states depend on.
        rows: for each sequence the one it takes up, with its own weights; None where it starts anew.
        resets: for each sequence whether it starts from zero in the middle of the one it takes up.
        link: whether errors are carried through the graph to what its states were made of.
        reads: the calls of its own chain that its inputs depend on directly.
        feeds: how that is counted: "" for not at all, "carried" with the lag of the way, "past" from the step that
            read it.
    """

    call: Call
    first: int = 0
    before: list[Call] = field(default_factory=list)
    rows: list[Row | None] = field(default_factory=list)
    resets: list[bool] = field(default_factory=list)
    link: bool = False
    reads: list[Call] = field(default_factory=list)
    feeds: str = ""

    @property
    def last(self) -> int:
        """Behind its last step, counted likewise."""
        return self.first + self.call.steps

    @property
    def sources(self) -> list[Call]:
        """The calls that errors are carried to."""
        carried = {call.index: call for call in self.before if self.link}
        if self.feeds == "carried":
            carried |= {call.index: call for call in self.reads}
        return list(carried.values())


@dataclass(eq=False)
class Chain:
    """Calls that go on from one another, of one module or of several.

    Attributes:
        starts: how each of them starts, in the order of the calls.
    """

    starts: list[Start]

    @property
    def calls(self) -> list[Call]:
        """In order."""
        return [start.call for start in self.starts]

    @property
    def is_joined(self) -> bool:
        """Whether anything passes from one call to another."""
        return any(s.link or s.feeds or any(r is not None for r in s.rows) for s in self.starts)


def chains_of(calls: Sequence[Call]) -> list[Chain]:
    """The calls, sorted into chains; how they are joined is not known yet, see ``join``.

    Raises:
        AgreementError: if an operation between two calls does not give its gradient.
    """
    nodes = nodes_of(calls)
    starts = {call.index: Start(call) for call in calls}
    root = {call.index: call.index for call in calls}

    def find(index: int) -> int:
        while root[index] != index:
            index = root[index]
        return index

    for call in calls:
        if call.state_gate is not None:
            before = direct(call.state_gate.entries, nodes)
            starts[call.index].before = _acting(call.state_gate, before)
        for earlier in _chaining(call, starts[call.index], nodes):
            a, b = sorted((find(call.index), find(earlier.index)))
            root[b] = a
    chains: dict[int, list[Start]] = {}
    for call in calls:
        chains.setdefault(find(call.index), []).append(starts[call.index])
    result = [Chain(own) for own in chains.values()]
    for chain in result:
        _feeding(chain, nodes)
        _places(chain, starts)
    return result


def _acting(gate: Gate, calls: list[Call]) -> list[Call]:
    """Those of some calls that what passed a gate really depends on.

    States that are kept together in one tensor, and taken out of it one by one, only seem to depend on all of them.
    """
    if len(calls) < 2:
        return calls
    back = back_through(gate.entries, [_random_like(tensor) for tensor in gate.out], calls)
    return [
        call
        for call, grads in zip(calls, back, strict=True)
        if any(grad is not None and bool(grad.any()) for grad in grads)
    ]


def _random_like(state: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(state.shape, generator=generator, dtype=torch.float64).to(state) + 0.5


def _chaining(call: Call, start: Start, nodes: dict[object, Call]) -> list[Call]:
    """The calls that this one belongs to the same chain with."""
    if call.input_gate is None or call.steps > 1 or start.before:
        return start.before
    # One step that reads the last one's output, with no state of its own: a recurrence all the same.
    reads = _acting(call.input_gate, direct(call.input_gate.entries, nodes))
    return [other for other in reads if other.path == call.path]


def _feeding(chain: Chain, nodes: dict[object, Call]) -> None:
    """Find the inputs that are made of the chain's own outputs."""
    if len(chain.starts) == 1:
        return
    own = {call.index for call in chain.calls}
    reach = Reach(chain.calls)
    for start in chain.starts:
        call = start.call
        if call.input_gate is None or not reach.of(call.input_gate.entries):
            continue
        reads = _acting(call.input_gate, direct(call.input_gate.entries, nodes))
        others = [r for r in reads if r.index not in own]
        gates = [gate for r in others for gate in (r.input_gate, r.state_gate) if gate is not None]
        is_past = any(reach.of(gate.entries) for gate in gates)
        start.reads = [r for r in reads if r.index in own]
        start.feeds = "carried" if call.steps == 1 and not is_past else "past"


def _places(chain: Chain, starts: dict[int, Start]) -> None:
    for start in chain.starts:
        before = start.before + (start.reads if start.feeds == "carried" else [])
        start.first = max((starts[call.index].last for call in before), default=0)


def join(chain: Chain) -> None:
    """Find which calls are one sequence with another, and which are linked by a piece of the graph.

    Raises:
        AgreementError: if an operation between two calls does not give its gradient.
    """
    taken: set[Row] = set()
    for start in chain.starts:
        B = len(start.call.lengths)
        start.rows, start.resets = [None] * B, [False] * B
        if not start.before and start.feeds != "carried":
            continue
        taken_up = None if start.feeds == "carried" else _taken_up(start, taken)
        if taken_up is None:
            start.link = True
            continue
        start.rows, start.resets = taken_up
        taken |= {row for row in start.rows if row is not None}


def _taken_up(start: Start, taken: set[Row]) -> tuple[list[Row | None], list[bool]] | None:
    """The sequence that each one takes up, and whether it starts from zero; None if it is not so simple."""
    call = start.call
    if len(start.before) > 1 or not _alike(call, start.before[0]):
        return None
    earlier = start.before[0]
    came_from = _sources(call, earlier)
    if came_from is None:
        return None
    now = np.concatenate(states_of(call, call.states), axis=2)
    then = np.concatenate(states_of(earlier, earlier.outputs[earlier.final]), axis=2)
    rows: list[Row | None] = []
    for r, source in enumerate(came_from):
        if source is None:
            rows.append(None)
            continue
        row = (earlier.index, source)
        if row in taken or row in rows or not np.array_equal(now[:, r], then[:, source]):
            return None
        rows.append(row)
    resets = [False] * len(rows)
    if now.shape == then.shape:
        for r, source in enumerate(came_from):
            row = (earlier.index, r)
            if source is None and not now[:, r].any() and row not in taken and row not in rows:
                rows[r], resets[r] = row, True
    return rows, resets


def _alike(call: Call, earlier: Call) -> bool:
    """Whether the two could be one: the same module with the same weights, in one direction."""
    packed = call.batch_sizes is not None or earlier.batch_sizes is not None
    return not packed and not call.acting.two and call.acts_as(earlier)


def _sources(call: Call, earlier: Call) -> list[int | None] | None:
    """Which sequence of an earlier call the states of each one are, by an error sent back; None for neither."""
    assert call.state_gate is not None
    if len(call.gated) != len(call.states):
        return None  # a part of the state was detached
    errors = [_random_like(state) for state in call.states]
    back = back_through(call.state_gate.entries, errors, [earlier])[0]
    sent = np.concatenate(states_of(call, errors), axis=2)
    arrived = _at_final(earlier, back)
    if arrived is None or arrived.shape[::2] != sent.shape[::2]:
        return None
    sources: list[int | None] = [None] * sent.shape[1]
    place = {sent[:, r].tobytes(): r for r in range(sent.shape[1])}
    for b in np.flatnonzero(arrived.any((0, 2))):
        r = place.get(np.ascontiguousarray(arrived[:, b]).tobytes())
        if r is None or sources[r] is not None:
            return None
        sources[r] = int(b)
    return sources


def _at_final(call: Call, grads: list[Tensor | None]) -> Array | None:
    """Errors at a call's final states, (layers, B, S); None if others arrived too."""
    final = [
        torch.zeros_like(out) if grad is None else grad
        for out, grad in zip(call.outputs[call.final], grads[call.final], strict=True)
    ]
    states = states_of(call, final)
    if not call.is_cell and grads[0] is not None:
        if len(states[0]) > 1:
            return None
        at_out = grads[0].transpose(0, 1) if call.batch_first else grads[0]
        if bool(at_out[:-1].any()):
            return None
        states[0] = states[0] + states_of(call, [at_out[-1:]])[0]
    return np.concatenate(states, axis=2)
