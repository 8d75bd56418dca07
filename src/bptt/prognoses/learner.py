"""What a look ahead needs of a model: a copy that trains on, and held-out batches run through it.

Two kinds of model can be one, a ``bptt.Network`` (``network_learner``) and a PyTorch module (``torch_models``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bptt.arrays import Array
from bptt.layers import StackTrace

GROUPS, EACH = 12, 32  # independent groups of held-out sequences, and sequences of each


def near_lag(needed_lag: int) -> int:
    """Half of the needed lag: from there on lags count as far, where the needed lag alone would say too little."""
    return max(1, needed_lag // 2)


class Tangents(Protocol):
    """What a part of a model can change at the states of a drawn loss step, by what it does far back.

    Attributes:
        D: (N, S) the errors there, a row per sequence.
    """

    @property
    def D(self) -> Array: ...  # noqa: D102

    def features(self, v: Array) -> Array:
        """(N, P) per sequence the gradient of v·h by the weights, from half of the needed lag on.

        Args:
            v: (S,) a direction of the errors.
        """
        ...


@dataclass(frozen=True, eq=False)
class Joined:
    """A recurrent part of a model that is no stack: its states pass through something else on their way.

    Attributes:
        log10_attenuation: log10 of the error signal of the last loss step at the needed lag over that where it
            starts, of the layer where it is weakest; None where it was not asked for.
        bands: (3, P) the gradient by its weights of one drawn loss step from all lags, from half of the needed lag
            on, and from the needed lag on; None where it could not be had.
        sequences: that they were measured on.
        tangents: of the drawn loss step; None where they cannot be had.
    """

    log10_attenuation: float | None
    bands: Array | None
    sequences: int
    tangents: tuple[Tangents, ...] | None = None


@dataclass(frozen=True, eq=False)
class Pass:
    """A group of held-out sequences, run through the network once.

    Attributes:
        E: the loss, whose gradient the errors are.
        blind: the loss of the same network where every sequence shows it the mean state: what it can do without
            telling sequences apart, which stands for the best constant.
        stacks: per recurrent part of the model its forward pass, and per layer of it the immediate errors
            ∂⁺E/∂state, (T, B, S), each in the layer's own order. Empty where they cannot be had.
        joined: the parts that are no stacks.
    """

    E: float
    blind: float
    stacks: tuple[tuple[StackTrace, list[Array]], ...]
    joined: tuple[Joined, ...] = ()


class Learner(Protocol):
    """A copy of a model, somewhere in its training.

    Attributes:
        updates: made so far.
        lr: of Adam, which a rate of learning is told for.
        batch: sequences per update.
        needed_lag: the lag that the task needs, in steps.
        unit: that losses are told in; "" if it has no name.
        scale: how much of the loss one of it is.
        epoch: updates in which all of the training's data are gone through once; infinite where every update draws anew,
            None where nobody knows.
        unlike: the kinds of recurrence that the probability was not fitted on, "a MambaMixer"; "" where it was.
        remarks: what cannot be measured and why, in sentences.
    """

    @property
    def updates(self) -> int: ...  # noqa: D102
    @property
    def lr(self) -> float: ...  # noqa: D102
    @property
    def batch(self) -> int: ...  # noqa: D102
    @property
    def needed_lag(self) -> int: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def scale(self) -> float: ...  # noqa: D102
    @property
    def epoch(self) -> float | None: ...  # noqa: D102
    @property
    def unlike(self) -> str: ...  # noqa: D102
    @property
    def remarks(self) -> tuple[str, ...]: ...  # noqa: D102

    def advance(self, updates: int, note: Callable[[float], None]) -> None:
        """Train on.

        Args:
            updates: how many.
            note: called after every update with the loss on its batch, in its unit.

        Raises:
            NonFiniteError: if loss or gradient stop being finite.
        """
        ...

    def passes(self, groups: int) -> Iterator[Pass]:
        """The first groups of the held-out sequences, the same at every call."""
        ...
