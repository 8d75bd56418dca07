"""What else is asked of a step's states: Lyapunov exponents, and what they remember of the inputs (Q11).

Errors are carried back from what came into one call to what came into the call before: a product and its transpose have the
same singular values, so that these are the exponents of the state that flows from call to call, with what lies between.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.dynamics import Exponents, MemoryFunction, exponents_of, memory_of
from bptt.errors import BpttError
from bptt.torch_models.stepped.calls import Entry, Output, StepCall
from bptt.torch_models.stepped.gathered import as_array
from bptt.torch_models.stepped.recording import Recording, back
from bptt.torch_models.stepped.rows import Rows

# Leading ones, of the first sequences and last steps; of fewer calls there are none.
EXPONENTS, SEQUENCES, STEPS, LEAST = 8, 2, 2000, 20
MOST_UNITS = 2048  # of a state that a memory function is fitted on


def exponents(rows: Rows) -> Exponents | None:
    """Leading Lyapunov exponents; None where the calls are no one chain of the same sequences, or too few.

    Args:
        rows: of the calls.
    """
    chain = _chain(rows.recording)
    if chain is None or len(chain) < LEAST or len(set(rows.counts)) > 1:
        return None
    chain = chain[1:][-STEPS:]
    places = [entry.position for entry in chain[0].entries]
    real = not any(entry.leaf.is_complex() for entry in chain[0].entries)
    if not real or any([e.position for e in call.entries] != places for call in chain):
        return None
    return _Exponents(rows, chain).all()


class _Exponents:
    def __init__(self, rows: Rows, chain: Sequence[StepCall]) -> None:
        self.rows, self.chain = rows, chain
        self.recording = rows.recording
        self.chosen = min(SEQUENCES, rows.counts[0])
        self.shapes = [entry.leaf.shape[1:] for entry in chain[0].entries]
        self.sizes = [shape.numel() for shape in self.shapes]
        self.count = min(EXPONENTS, sum(self.sizes))
        self.number, self.local = rows.where

    def all(self) -> Exponents | None:
        """Of all steps of the chain."""
        like = self.chain[0].entries[0].leaf
        start = np.random.default_rng(0).standard_normal((self.chosen, self.count, sum(self.sizes)))
        V = _orthonormal(torch.from_numpy(start).to(like.device, like.dtype))[0]
        logs = []
        for call, later in zip(self.chain[-2::-1], self.chain[:0:-1], strict=True):
            at_outputs, around = self._between(later, V)
            if at_outputs is None:
                return None
            V, log = _orthonormal(self._through(call, at_outputs, around))
            logs.append(log)
        skip = min(200, len(logs) // 10)
        return exponents_of(np.stack(logs[skip:]))

    def _between(
        self, later: StepCall, V: Tensor
    ) -> tuple[dict[int, Tensor] | None, dict[int, Tensor]]:
        """(n, c, ...) by number, at what the call before put out, and at what went around it."""
        parts = torch.split(V.transpose(0, 1), self.sizes, 2)
        whole = self.rows.counts[0]
        errors, entries = [], later.entries
        for part, shape in zip(parts, self.shapes, strict=True):
            full = part.new_zeros(self.count, whole, *shape)
            full[:, : self.chosen] = part.reshape(self.count, self.chosen, *shape)
            errors.append(full)
        passed = self.recording.between(entries, errors, True)
        if any(bool(grad[:, self.chosen :].any()) for grad in passed.values()):
            return None, {}  # sequences mix: the state is that of all of them
        outputs: dict[int, Tensor] = {}
        around: dict[int, Tensor] = {}
        for number, grad in passed.items():
            own = isinstance(self.recording.places[number], Output)
            (outputs if own else around)[number] = grad[:, : self.chosen]
        return outputs, around

    def _through(
        self, call: StepCall, at_outputs: dict[int, Tensor], around: dict[int, Tensor]
    ) -> Tensor:
        """(c, n, S) at what came into a call."""
        first = self.rows.first[call.index]
        group, local = self.rows.groups[self.number[first]], int(self.local[first])
        some = torch.arange(local, local + self.chosen, device=group.rows.device)
        outputs, leaves = self.rows.run(group, some.repeat(self.count))
        sent = [
            (returned, at_outputs[output.number].flatten(0, 1))
            for returned, output in zip(outputs, call.outputs, strict=True)
            if output.number in at_outputs and returned.requires_grad
        ]
        wanted = [leaves[entry.position] for entry in call.entries]
        found = (
            back([r for r, _ in sent], [e for _, e in sent], wanted, False)
            if sent
            else [None] * len(wanted)
        )
        columns = [self._column(e, g, around) for e, g in zip(call.entries, found, strict=True)]
        return torch.cat(columns, 2).transpose(0, 1)

    def _column(self, entry: Entry, grad: Tensor | None, around: dict[int, Tensor]) -> Tensor:
        size = self.count, self.chosen, entry.leaf.shape[1:].numel()
        total = entry.leaf.new_zeros(size) if grad is None else grad.reshape(size)
        if entry.number in around:
            total = total + around[entry.number].reshape(size)
        return total.detach()


def _orthonormal(V: Tensor) -> tuple[Tensor, Array]:
    """(c, n, S) rows made orthonormal, and (c, n) ln of the lengths they had.

    The first is divided by its length: ``bptt.dynamics.lyapunov`` says why.
    """
    Q, R = torch.linalg.qr(V.transpose(1, 2))
    lengths = R.diagonal(dim1=1, dim2=2).abs().clone()
    largest = V[:, 0].abs().amax(-1)
    some = largest > 0
    brought = V[some, 0] / largest[some, None]  # whose squares do not underflow
    length = torch.linalg.vector_norm(brought, dim=-1)
    lengths[:, 0] = largest
    lengths[some, 0] *= length
    rows = Q.transpose(1, 2).clone()
    rows[some, 0] = brought / length[:, None]
    with np.errstate(divide="ignore"):
        return rows, np.log(as_array(lengths))


def memory(recording: Recording) -> MemoryFunction | None:
    """What the state remembers of the inputs, read linearly; None where it cannot be told.

    Args:
        recording: the calls.
    """
    chain = _chain(recording)
    if chain is None or recording.axis:
        return None
    B = recording.sequences
    state = [_flat([o.leaf for o in call.outputs if o.comes_in], B) for call in chain]
    states = {entry.position for call in chain for entry in call.entries}
    inputs = [_flat(_inputs(call, states, B), B) for call in chain]
    h, x = _stacked(state), _stacked(inputs)
    if h is None or x is None or h.shape[2] > MOST_UNITS:
        return None
    try:
        function = memory_of(x, h)
    except BpttError:
        return None
    return None if np.isnan(function.r2).all() else function


def _chain(recording: Recording) -> list[StepCall] | None:
    """The calls in the order of time; None where several stand at one step."""
    calls = sorted(recording.calls, key=lambda call: call.level)
    return calls if len(calls) == recording.steps else None


def _inputs(call: StepCall, states: set[int], B: int) -> list[Tensor]:
    """What a call was given that no call before had put out."""
    given = enumerate(call.arguments)
    return [
        value
        for n, value in given
        if n not in states
        and call.same[n] == n
        and isinstance(value, Tensor)
        and value.is_floating_point()
        and value.ndim > 1
        and len(value) == B
    ]


def _flat(parts: Sequence[Tensor], B: int) -> Array | None:
    """(B, ·) all parts side by side."""
    if not parts or any(part.ndim < 2 or len(part) != B or part.is_complex() for part in parts):
        return None
    return np.concatenate([as_array(part).reshape(B, -1) for part in parts], axis=1)


def _stacked(parts: Sequence[Array | None]) -> Array | None:
    """(T, B, ·), from the first step on at which all are alike."""
    known = [part for part in parts if part is not None]
    if len(known) != len(parts) or len({part.shape for part in known}) > 1:
        return None
    return np.stack(known)
