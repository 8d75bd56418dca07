"""A forward pass that keeps a state now and then, and makes the others again on the way back.

T steps with a state kept every k hold T/k + k states instead of T, and cost one more forward pass (Gruslys
et al. 2016, "Memory-Efficient Backpropagation Through Time", with one level of recomputation). The steps
made again are the same steps: the gradients differ by rounding alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from bptt.arrays import Array
from bptt.errors import OptionError
from bptt.layers.steps import run_steps

if TYPE_CHECKING:
    from bptt.layers.layer import Layer

OF_OTHER_TRACES = (
    "saved",
    "states",
    "h",
    "c",
    "z",
    "before",
    "kept",
    "local",
    "stack",
    "levels",
    "traces",
)


@dataclass(frozen=True, eq=False)
class CheckpointedTrace:
    """One layer over one batch, of which every few steps one state was kept.

    Attributes:
        layer: the layer that made it.
        x: (T, B, I) inputs; zero behind a sequence's end.
        every: k, steps from one kept state to the next.
        checkpoints: the states before steps 0, k, 2k, ..., each (h,) or (h, c) of (B, H).
        final: the states after the last step.
        lengths: (B,) steps of each sequence, or None where all have T.
        resets: (T, B) True where a step started from zero, or None.
    """

    layer: "Layer"
    x: Array
    every: int
    checkpoints: tuple[tuple[Array, ...], ...]
    final: tuple[Array, ...]
    lengths: Array | None = None
    resets: Array | None = None

    @classmethod
    def of(
        cls,
        layer: "Layer",
        x: Array,
        state0: tuple[Array, ...],
        every: int,
        lengths: Array | None,
        resets: Array | None,
    ) -> "CheckpointedTrace":
        """Run the layer, keeping a state before every ``every`` steps."""
        checkpoints, state = [], state0
        for first in range(0, len(x), every):
            checkpoints.append(state)
            last = min(first + every, len(x))
            _, states = run_steps(layer, x, state, lengths, resets, first, last)
            state = tuple(part[-1].copy() for part in states)
        return cls(layer, x, every, tuple(checkpoints), state, lengths, resets)

    @property
    def stretch(self) -> int:
        """How many steps a backward pass takes at a time: from one kept state to the next."""
        return self.every

    def part(self, first: int, last: int) -> tuple[Array, tuple[Array, ...]]:
        """Steps first .. last-1 made again; first is a multiple of ``every``."""
        start = self.checkpoints[first // self.every]
        return run_steps(self.layer, self.x, start, self.lengths, self.resets, first, last)

    def __getattr__(self, name: str) -> NoReturn:
        """What only a trace with all its steps has is refused with the cure."""
        if name in OF_OTHER_TRACES:
            raise OptionError(
                "trace", "a trace that holds every step",
                f"one that holds a state every {self.every} steps",
                "Leave checkpoint_every out, on a shorter part of the sequence if need be.",
            )  # fmt: skip
        raise AttributeError(name)


def as_checkpoint_every(value: Any) -> int:
    """A number of steps.

    Raises:
        OptionError: if it is not a whole number from 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise OptionError(
            "checkpoint_every", "a number of steps from 1", repr(value), "About √T holds the least."
        )
    return value
