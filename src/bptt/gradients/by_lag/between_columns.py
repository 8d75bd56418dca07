"""What passes from column to column of a batch: errors that leave at a beginning, and where they arrive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bptt.arrays import Array
from bptt.gradients.by_lag.rows import Rows


@dataclass(frozen=True, eq=False)
class Leaving:
    """Errors that leave columns of a stack at their beginning.

    Attributes:
        stack: number of the stack.
        columns: (B,) which of its columns these are.
        states: per layer the errors of the initial states, one row each, or None.
        inputs: the errors at the stack's inputs, or None where they are not wanted.
    """

    stack: int
    columns: Array
    states: list[Rows | None]
    inputs: Rows | None = None


@dataclass(frozen=True, eq=False)
class Arriving:
    """Errors of the states of one layer of a stack that came from elsewhere.

    Attributes:
        stack: number of the stack.
        layer: number of the layer.
        columns: (B,) which of its columns these are.
        later: lags that were jumped over.
        rows: the errors, in the layer's own order.
        inner: whether they come from columns of layers with the same weights.
    """

    stack: int
    layer: int
    columns: Array
    later: int
    rows: Rows
    inner: bool = True


class Between(Protocol):
    """What lies between the columns of some stacks."""

    @property
    def order(self) -> list[tuple[int, Array]]:
        """Number of a stack and some of its columns, every column once: before those that it goes on from."""
        ...

    def reads(self, stack: int) -> bool:
        """Whether errors at the inputs of this stack are to be taken back too."""
        ...

    def inner(self, stack: int) -> Array:
        """(B,) which columns of a stack go on from others of layers with the same weights."""
        ...

    def back(self, leaving: Sequence[Leaving]) -> Iterable[Arriving]:
        """Where errors that leave columns arrive."""
        ...
