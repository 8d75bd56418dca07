"""One call of a recurrent layer: its sizes, and the tensors that go in, in the order in which everything here passes them.

x, then the initial states (h, or h and c, or none for zeros), the weights of every level and direction as PyTorch orders
them, and what the dropout between the levels multiplies with.
"""

from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from torch import Tensor

Some = TypeVar("Some", Tensor, Tensor | None)
PARTS = {"LSTM": 2}  # of a state; one of the others
GATES = {"LSTM": 4, "GRU": 3}


@dataclass(slots=True, eq=False)  # frozen takes four times as long to make
class Call:
    """What is known of a call before it runs.

    Attributes:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU", as PyTorch has it.
        T: steps, of the longest sequence where they are packed.
        B: sequences.
        I: size of x_t.
        H: size of h_t.
        layers: levels.
        two: whether each level has a second direction.
        biases: whether there are biases.
        states: how many tensors of initial states are given.
        state_shape: of the initial and the final states.
        batch_first: whether x and the outputs are (B, T, ·).
        batch_sizes: (T,) how many sequences are left at each step, of packed ones; else None.
        masks: whether there was dropout between the levels: one tensor of masks, (layers - 1, rows, directions · H).
        is_cell: whether it is one step of a cell, of which the new state is all that comes out.
    """

    mode: str
    T: int
    B: int
    I: int
    H: int
    layers: int
    two: bool
    biases: bool
    states: int
    state_shape: tuple[int, ...]
    batch_first: bool = False
    batch_sizes: Tensor | None = None
    masks: bool = False
    is_cell: bool = False

    @property
    def parts(self) -> int:
        """Of a state: 2 of an LSTM."""
        return PARTS.get(self.mode, 1)

    @property
    def directions(self) -> int:
        """1 or 2."""
        return 1 + self.two

    def taken_apart(
        self, tensors: tuple[Some, ...]
    ) -> tuple[tuple[Some, ...], tuple[Some, ...], tuple[Some, ...]]:
        """The states, the weights and the masks among what follows x."""
        end = len(tensors) - self.masks
        return tensors[: self.states], tensors[self.states : end], tensors[end:]


@cache
def weight_shapes(
    mode: str, inputs: int, hidden: int, layers: int, directions: int, biases: bool
) -> tuple[tuple[int, ...], ...]:
    """Of each weight of a layer, in PyTorch's order."""
    rows, shapes = GATES.get(mode, 1) * hidden, []
    for level in range(layers):
        width = inputs if level == 0 else hidden * directions
        own: list[tuple[int, ...]] = [(rows, width), (rows, hidden)]
        shapes += (own + [(rows,)] * (2 * biases)) * directions
    return tuple(shapes)
