"""A forward pass that keeps a state now and then, and makes the others again on the way back.

T steps with a state kept every k hold T/k + k states instead of T, and cost one more forward pass (Gruslys
et al. 2016, "Memory-Efficient Backpropagation Through Time", with one level of recomputation). The steps
made again are the same steps: the gradients differ by rounding alone.
"""

from dataclasses import dataclass
from typing import NoReturn

from bptt.arrays import Array
from bptt.cells import States, Weights
from bptt.errors import OptionError
from bptt.layers.parameters import Parameters
from bptt.layers.steps import run_steps

OF_OTHER_TRACES = (
    "saved",
    "states",
    "h",
    "c",
    "z",
    "before",
    "kept",
    "linearised",
    "gate",
    "stack",
    "levels",
    "traces",
)


@dataclass(frozen=True, eq=False)
class CheckpointedTrace:
    """One layer over one batch, of which every few steps one state was kept.

    Attributes:
        layer: the layer that made it.
        weights: that the states were computed with.
        fingerprint: of the weights.
        x: (T, B, I) inputs; zero behind a sequence's end.
        every: k, steps from one kept state to the next.
        checkpoints: the states before steps 0, k, 2k, ..., each (h,) or (h, c) of (B, H).
        final: the states after the last step.
        lengths: (B,) steps of each sequence, or None where all have T.
        resets: (T, B) True where a step started from zero, or None.
    """

    layer: Parameters
    weights: Weights
    fingerprint: tuple[float, ...]
    x: Array
    every: int
    checkpoints: tuple[States, ...]
    final: States
    lengths: Array | None = None
    resets: Array | None = None

    @classmethod
    def of(
        cls,
        layer: Parameters,
        x: Array,
        state0: States,
        every: int,
        lengths: Array | None,
        resets: Array | None,
    ) -> "CheckpointedTrace":
        """Run the layer, keeping a state now and then.

        Args:
            layer: that is run.
            x: (T, B, I) inputs.
            state0: (h0,) or (h0, c0), each (B, H).
            every: steps between the states that are kept.
            lengths: (B,) steps of each sequence, or None.
            resets: (T, B) True where a new episode starts, or None.
        """
        weights, checkpoints, state = layer.weights, [], state0
        for first in range(0, len(x), every):
            checkpoints.append(state)
            last = min(first + every, len(x))
            _, states = run_steps(weights, x, state, lengths, resets, first, last)
            state = tuple(part[-1].copy() for part in states)
        return cls(
            layer,
            weights,
            weights.fingerprint(),
            x,
            every,
            tuple(checkpoints),
            state,
            lengths,
            resets,
        )

    @property
    def stretch(self) -> int:
        """How many steps a backward pass takes at a time: from one kept state to the next."""
        return self.every

    def part(self, first: int, last: int) -> tuple[Array, States]:
        """Steps first .. last-1 made again; first is a multiple of ``every``."""
        start = self.checkpoints[first // self.every]
        return run_steps(self.weights, self.x, start, self.lengths, self.resets, first, last)

    def __getattr__(self, name: str) -> NoReturn:
        """What only a trace with all its steps has is refused with the cure."""
        if name in OF_OTHER_TRACES:
            raise OptionError(
                "trace", "a trace that holds every step",
                f"one that holds a state every {self.every} steps",
                "Leave checkpoint_every out, on a shorter part of the sequence if need be.",
            )  # fmt: skip
        raise AttributeError(name)
