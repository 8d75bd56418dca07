"""Levels on top of one another: what they are, and what a forward and a backward pass leave behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from bptt.arrays import Array, as_kind
from bptt.errors import OptionError, ShapeError
from bptt.layers.layer import Layer
from bptt.layers.levels import (
    Bidirectional,
    BidirectionalTrace,
    Level,
    LevelTrace,
    directions,
    level_layers,
    level_outputs,
    level_size,
)
from bptt.layers.masks import Mask
from bptt.layers.trace import Grads, Trace, sequences_of


class Levels:
    """Levels that fit on top of one another; ``Stack`` runs them.

    Args:
        levels: bottom first; each a layer or a ``Bidirectional`` pair. A level's inputs are the
            outputs of the one below.

    Raises:
        ShapeError: if the sizes do not fit.
        OptionError: if there is no level, or one is neither.
    """

    levels: tuple[Level, ...]

    def __init__(self, levels: Sequence[Level]) -> None:
        what, cure = "a list of RNN, LSTM, GRU or Bidirectional layers", "Pass at least one layer."
        as_kind("levels", levels, (list, tuple), what, cure)
        if not levels or not all(isinstance(level, Layer | Bidirectional) for level in levels):
            kinds = str([type(level).__name__ for level in levels])
            raise OptionError("levels", what, kinds, cure)
        self.__dict__["levels"] = tuple(levels)
        for number, (below, above) in enumerate(zip(self.levels, self.levels[1:], strict=False), 1):
            if level_size(below) != above.inputs or self.dtype != level_layers(above)[0].dtype:
                raise ShapeError(
                    f"levels[{number}]", f"{level_size(below)} inputs of {self.dtype}",
                    f"{above.inputs} of {level_layers(above)[0].dtype}",
                    "A layer reads the outputs of the layer below.",
                )  # fmt: skip

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse: what is checked once stays.

        Raises:
            OptionError: always.
        """
        raise OptionError(
            name, "the levels that the stack was made of", "another value",
            "Make another stack, or assign the parameters of a layer.",
        )  # fmt: skip

    @property
    def layers(self) -> list[Layer]:
        """Bottom first; forward before backward."""
        return [layer for level in self.levels for layer in level_layers(level)]

    @property
    def names(self) -> list[str]:
        """Kind, level, direction: "rnn.0", "lstm.1", "gru.2.forward", "gru.2.backward"."""
        names = []
        for number, level in enumerate(self.levels):
            layers = level_layers(level)
            ends = [""] if len(layers) == 1 else [".forward", ".backward"]
            names += [f"{a.kind}.{number}{end}" for a, end in zip(layers, ends, strict=True)]
        return names

    @property
    def inputs(self) -> int:
        """I, the size of x_t."""
        return self.levels[0].inputs

    @property
    def outputs(self) -> int:
        """Size of what the top level hands up."""
        return level_size(self.levels[-1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type everything is computed in."""
        return level_layers(self.levels[0])[0].dtype


@dataclass(frozen=True, eq=False)
class StackTrace:
    """A stack over one batch.

    Attributes:
        stack: the stack that made it.
        levels: bottom level first.
        masks: what multiplied each level's inputs, (T, B, ·) or of a projection, or None: dropout between levels.
    """

    stack: Levels
    levels: tuple[LevelTrace, ...]
    masks: tuple[Mask | None, ...]

    @property
    def outputs(self) -> Array:
        """(T, B, O) what the top level hands up."""
        return level_outputs(self.levels[-1])

    @property
    def traces(self) -> list[Trace]:
        """One per layer, bottom first; forward before backward."""
        return [trace for level in self.levels for trace in directions(level)]


@dataclass(frozen=True, eq=False)
class StackGrads:
    """The gradient of a stack.

    Attributes:
        layers: one per layer, bottom first; forward before backward. A backward layer's dx is in its
            own order.
        dx: (T, B, I) of the stack's input; None where that came as integers.
    """

    layers: list[Grads]
    dx: Array | None


def as_stack_trace(trace: Trace) -> StackTrace:
    """A layer's trace as that of a stack of one level."""
    return StackTrace(Levels([cast(Layer, trace.layer)]), (trace,), (None,))


def columns_of(trace: StackTrace, columns: Array) -> StackTrace:
    """Some sequences of the batch."""
    levels: list[LevelTrace] = []
    for level in trace.levels:
        parts = [sequences_of(t, columns) for t in directions(level)]
        two = isinstance(level, BidirectionalTrace)
        levels.append(BidirectionalTrace(*parts) if two else parts[0])
    masks = tuple(None if mask is None else mask[:, columns] for mask in trace.masks)
    return StackTrace(trace.stack, tuple(levels), masks)
