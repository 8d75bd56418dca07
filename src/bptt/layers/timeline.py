"""Columns of a batch that are pieces of longer sequences: where each of them stands in time."""

from dataclasses import dataclass, replace

import numpy as np

from bptt.arrays import Array
from bptt.layers.trace import Trace


@dataclass(frozen=True, eq=False)
class Timeline:
    """Which step of which sequence each column of a batch begins at.

    Attributes:
        first: (B,) the step of its sequence that a column's first step is.
        sequence: (B,) the sequence it is a piece of.
        lengths: (B,) steps of each column.
        behind: steps that the sequences go on elsewhere behind the last of these.
    """

    first: Array
    sequence: Array
    lengths: Array
    behind: int = 0

    @property
    def steps(self) -> int:
        """Of the longest sequence."""
        return int((self.first + self.lengths).max())

    @property
    def sequences(self) -> int:
        """How many there are."""
        return int(self.sequence.max()) + 1

    @property
    def is_plain(self) -> bool:
        """Whether the columns are the sequences, each from its beginning."""
        return not self.first.any() and self.sequences == len(self.first)

    def of(self, columns: Array) -> "Timeline":
        """Some of the columns, at the steps where they stand among all.

        Args:
            columns: (n,) which.
        """
        first, lengths = self.first[columns], self.lengths[columns]
        _, sequence = np.unique(self.sequence[columns], return_inverse=True)
        behind = self.steps + self.behind - int((first + lengths).max())
        return Timeline(first, sequence, lengths, behind)

    def in_order(self, trace: Trace) -> Trace:
        """A forward pass over the columns as one over the sequences, each from its own beginning, to look at.

        Between two columns of a sequence something else may have changed the state, which is not in it.
        """
        if self.is_plain:
            return trace
        begins = np.full(self.sequences, self.steps)
        np.minimum.at(begins, self.sequence, self.first)
        own = replace(self, first=self.first - begins[self.sequence])
        ends = np.zeros(self.sequences, np.intp)
        np.maximum.at(ends, self.sequence, own.first + self.lengths)
        states = []
        for state in trace.states:
            after = own.lay(state[1:])
            laid = np.concatenate([np.zeros_like(after[:1]), after])
            laid[0, self.sequence[own.first == 0]] = state[0, own.first == 0]
            states.append(laid)
        return replace(
            trace,
            x=own.lay(trace.x),
            saved=own.lay(trace.saved),
            states=tuple(states),
            lengths=None if (ends == own.steps).all() else ends,
            resets=None if trace.resets is None else own.lay(trace.resets),
        )

    def lay(self, array: Array, start: int = 0) -> Array:
        """Steps of the columns, (N, B, ...), as steps of the sequences, (T, sequences, ...); zero elsewhere.

        Args:
            array: of steps start .. start+N-1 of every column.
            start: the first of these steps.
        """
        laid = np.zeros((self.steps, self.sequences, *array.shape[2:]), array.dtype)
        steps = np.arange(start, start + len(array))[:, None]
        t, b = np.nonzero(steps < self.lengths)
        laid[self.first[b] + start + t, self.sequence[b]] = array[t, b]
        return laid
