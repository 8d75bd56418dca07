"""Calls of one module with the same weights, as one batch of columns.

Calls that take up each other's sequences as they are make one column of each sequence; whatever else follows an earlier
call begins a column of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.layers.timeline import Timeline
from bptt.torch_models.capture import Call, Chain, Start


@dataclass(eq=False)
class Strand:
    """Where the sequences of some calls stand in a batch.

    Attributes:
        starts: the calls, in order.
        column: by the call's index, (B,) the column of each of its sequences.
        step: by the call's index, (B,) the column's step that is the call's first.
        begins: by the call's index, (B,) whether the column begins there.
        lengths: (columns,) steps of each column.
        resets: (T, columns) True where a step starts from zero, or None.
        timeline: where the columns stand in time.
    """

    starts: list[Start]
    column: dict[int, Array]
    step: dict[int, Array]
    begins: dict[int, Array]
    lengths: Array
    resets: Array | None
    timeline: Timeline

    @property
    def calls(self) -> list[Call]:
        """In order."""
        return [start.call for start in self.starts]

    @property
    def path(self) -> str:
        """The module's name in the model."""
        return self.starts[0].call.path

    @property
    def steps(self) -> int:
        """Of the longest column."""
        return int(self.lengths.max())

    def place(self, index: int, array: Array, into: Array) -> None:
        """Write what belongs to a call, (T, B, ·), into an array of the columns.

        Args:
            index: of the call.
            array: in the order of the call's steps.
            into: (steps, columns, ·).
        """
        steps = np.arange(len(array))[:, None] + self.step[index]
        into[steps, self.column[index]] = array


def strands_of(chains: Sequence[Chain]) -> list[Strand]:
    """The calls by module and weights."""
    groups: list[list[tuple[Start, Chain]]] = []
    pairs = [(start, chain) for chain in chains for start in chain.starts]
    for start, chain in sorted(pairs, key=lambda pair: pair[0].call.index):
        for group in groups:
            if group[0][0].call.acts_as(start.call):
                group.append((start, chain))
                break
        else:
            groups.append([(start, chain)])
    beginnings: dict[tuple[str, int], int] = {}  # of each chain, within each module
    for start, chain in pairs:
        key = start.call.path, id(chain)
        beginnings[key] = min(beginnings.get(key, start.first), start.first)
    return [_strand(group, beginnings) for group in groups]


def _strand(group: list[tuple[Start, Chain]], beginnings: dict[tuple[str, int], int]) -> Strand:
    column: dict[int, Array] = {}
    step: dict[int, Array] = {}
    begins: dict[int, Array] = {}
    ends: list[int] = []  # of each column
    firsts: list[
        tuple[Start, int]
    ] = []  # of each column: the call that it begins with, and the sequence
    reset_at: list[tuple[int, int]] = []
    for start, _ in group:
        call = start.call
        B = len(call.lengths)
        own = column[call.index], step[call.index], begins[call.index] = (
            np.zeros(B, np.intp), np.zeros(B, np.intp), np.zeros(B, bool),
        )  # fmt: skip
        for r, row in enumerate(start.rows):
            if row is None:
                own[0][r], own[2][r] = len(ends), True
                ends.append(0)
                firsts.append((start, r))
            else:
                own[0][r] = column[row[0]][row[1]]
                own[1][r] = ends[own[0][r]]
            if start.resets[r]:
                reset_at.append((int(own[1][r]), int(own[0][r])))
            ends[own[0][r]] += call.lengths[r]
    lengths = np.array(ends)
    resets = None
    if reset_at:
        resets = np.zeros((lengths.max(), len(ends)), bool)
        resets[tuple(np.array(reset_at).T)] = True
    chain_of = {start.call.index: chain for start, chain in group}
    timeline = _timeline(firsts, column, lengths, chain_of, beginnings)
    return Strand([start for start, _ in group], column, step, begins, lengths, resets, timeline)


def _timeline(
    firsts: list[tuple[Start, int]],
    column: dict[int, Array],
    lengths: Array,
    chain_of: dict[int, Chain],
    beginnings: dict[tuple[str, int], int],
) -> Timeline:
    """Where columns stand in time: behind the column that they go on from, as far as one can tell.

    Args:
        firsts: of each column the call that it begins with, and the sequence of its batch.
        column: by the call's index, the column of each of its sequences.
        lengths: (columns,) steps of each.
        chain_of: by the call's index.
        beginnings: by module and chain, the step of the chain that is the module's first.
    """
    first, sequence = np.zeros(len(firsts), np.intp), np.zeros(len(firsts), np.intp)
    free: list[int] = []  # of each sequence: the first step that is not taken
    behind = 0
    alone: dict[int, int] = {}  # of each row of single steps that nothing joins: its sequence
    for c, (start, r) in enumerate(firsts):
        chain = chain_of[start.call.index]
        beginning = beginnings[start.call.path, id(chain)]
        first[c] = start.first - beginning
        place = None
        for earlier in start.before + start.reads:
            if earlier.index in column and r < len(column[earlier.index]):
                place = int(sequence[column[earlier.index][r]])
                break
        if start.call.steps == 1 and len(chain.starts) == 1:
            # A cell in a loop whose states are cut at every step: in the order of its calls.
            place = alone.get(r)
            first[c] = 0 if place is None else free[place]
            alone.setdefault(r, len(free))
        if place is None or free[place] != first[c]:
            place = len(free)
            free.append(0)
        sequence[c] = place
        free[place] = int(first[c] + lengths[c])
        end = max(s.last for s in chain.starts)
        behind = max(behind, end - beginning)
    steps = int((first + lengths).max())
    return Timeline(first, sequence, lengths, max(0, behind - steps))
