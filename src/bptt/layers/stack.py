r"""Layers on top of one another: a level's states are the next level's inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.errors import OptionError, ShapeError
from bptt.layers.layer import Layer
from bptt.layers.levels import (
    Bidirectional,
    BidirectionalTrace,
    Level,
    LevelTrace,
    directions,
    join_inputs,
    level_forward,
    level_layers,
    level_outputs,
    level_size,
    split_errors,
)
from bptt.layers.sequences import as_lengths, as_resets
from bptt.layers.trace import Grads, Trace


@dataclass(frozen=True, eq=False)
class StackTrace:
    """A stack over one batch.

    Attributes:
        stack: the stack that made it.
        levels: bottom level first.
        masks: what multiplied each level's inputs, (T, B, ·), or None: dropout between levels.
    """

    stack: "Stack"
    levels: tuple[LevelTrace, ...]
    masks: tuple[Array | None, ...]

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
        dx: (T, B, I) of the stack's input.
    """

    layers: list[Grads]
    dx: Array


class Stack:
    """Layers on top of one another.

    Args:
        levels: bottom first; each a layer or a ``Bidirectional`` pair. A level's inputs are the
            outputs of the one below.

    Raises:
        ShapeError: if the sizes do not fit.
        OptionError: if there is no level, or one is neither.

    >>> import numpy as np, bptt
    >>> stack = bptt.Stack([bptt.LSTM.init(3, 8, rng=0), bptt.GRU.init(8, 5, rng=1)])
    >>> trace = stack.forward(np.ones((10, 2, 3), "float32"))
    >>> trace.outputs.shape
    (10, 2, 5)
    >>> [grads.dW_R.shape for grads in stack.backward(trace, np.ones((10, 2, 5), "float32")).layers]
    [(32, 8), (15, 5)]
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        if not levels or not all(isinstance(level, Layer | Bidirectional) for level in levels):
            raise OptionError(
                "levels", "RNN, LSTM, GRU or Bidirectional layers",
                str([type(level).__name__ for level in levels]), "Give at least one.",
            )  # fmt: skip
        self.levels = tuple(levels)
        for number, (below, above) in enumerate(zip(self.levels, self.levels[1:], strict=False), 1):
            if level_size(below) != above.inputs or self.dtype != level_layers(above)[0].dtype:
                raise ShapeError(
                    f"levels[{number}]", f"{level_size(below)} inputs of {self.dtype}",
                    f"{above.inputs} of {level_layers(above)[0].dtype}",
                    "A level reads what the one below hands up.",
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

    def copy(self) -> "Stack":
        """The same stack with weights of its own."""
        return Stack([level.copy() for level in self.levels])

    def forward(
        self,
        x: Any,
        h0: Any = None,
        c0: Any = None,
        *,
        lengths: Any = None,
        resets: Any = None,
        masks: Any = None,
    ) -> StackTrace:
        """All levels over a sequence.

        Args:
            x: (T, B, I) inputs.
            h0: one (B, H) initial state per layer, bottom first, forward before backward: a list, or an
                array (layers, B, H); zeros if not given. An entry may be None.
            c0: the same for the cell states of LSTM layers; None for the others.
            lengths: (B,) steps of each sequence of a padded batch.
            resets: (T, B) True where a new episode starts.
            masks: one per level, (T, B, ·) or None, to multiply the level's inputs with: the dropout
                between levels that a training step drew.

        Raises:
            ShapeError, DTypeError, NonFiniteError, OptionError: as for a layer.
        """
        x = as_floats("x", x, ("T", "B", self.inputs), self.dtype)
        T, B, _ = x.shape
        lengths, resets = as_lengths(lengths, T, B), as_resets(resets, T, B)
        h0s, c0s = (self._per_layer(name, value) for name, value in (("h0", h0), ("c0", c0)))
        levels: list[LevelTrace] = []
        number = 0
        masks = self._masks(masks, T, B)
        for level, mask in zip(self.levels, masks, strict=True):
            n = len(level_layers(level))
            x = x if mask is None else x * mask
            given = list(zip(h0s[number : number + n], c0s[number : number + n], strict=True))
            levels.append(level_forward(level, x, given, lengths, resets))
            x, number = np.ascontiguousarray(level_outputs(levels[-1])), number + n
        return StackTrace(self, tuple(levels), masks)

    def backward(self, trace: StackTrace, dh: Any) -> StackGrads:
        """Reverse mode through all levels.

        Args:
            trace: from this stack's ``forward``.
            dh: (T, B, O) immediate gradient on what the top level hands up; or a list, one (T, B, H) or
                (T, B, S) per layer as in ``names``, where the loss sees other levels' states too. A
                backward layer's are in its own order: step 0 is its sequence's last.

        Raises:
            ShapeError, DTypeError, NonFiniteError, OptionError: as for a layer.
        """
        errors = immediate_errors(trace, dh)
        return backward_from(trace, errors)

    def _masks(self, masks: Any, T: int, B: int) -> tuple[Array | None, ...]:
        if masks is None:
            return (None,) * len(self.levels)
        if len(masks) != len(self.levels):
            raise ShapeError(
                "masks", f"one per level, {len(self.levels)}", str(len(masks)),
                "None where a level's inputs are not multiplied.",
            )  # fmt: skip
        sizes = [level_layers(level)[0].inputs for level in self.levels]
        return tuple(
            None if mask is None else as_floats(f"masks[{i}]", mask, (T, B, size), self.dtype)
            for i, (mask, size) in enumerate(zip(masks, sizes, strict=True))
        )

    def _per_layer(self, name: str, value: Any) -> list[Any]:
        count = len(self.layers)
        if value is None:
            return [None] * count
        if len(value) != count:
            raise ShapeError(
                name, f"one state per layer, {count}", str(len(value)), "Bottom layer first."
            )
        return list(value)

    def __repr__(self) -> str:
        """The levels."""
        return f"Stack({list(self.levels)!r})"


def immediate_errors(trace: StackTrace, dh: Any) -> list[Array]:
    """∂⁺E/∂state of every layer, (T, B, S) each in its own order: zero but at the top, or as listed.

    Raises:
        ShapeError, DTypeError, NonFiniteError, OptionError: if dh does not fit the trace.
    """
    if isinstance(dh, list):
        if len(dh) != len(trace.traces):
            raise ShapeError(
                "dh", f"one array per layer, {len(trace.traces)}", str(len(dh)),
                "Bottom layer first; forward before backward.",
            )  # fmt: skip
        return [t.layer.state_errors(t, d) for t, d in zip(trace.traces, dh, strict=True)]
    top = trace.levels[-1]
    T, B, _ = directions(top)[0].x.shape
    if isinstance(top, BidirectionalTrace):  # with one direction the layer itself checks
        dh = as_floats("dh", dh, (T, B, trace.stack.outputs), trace.stack.dtype)
        parts = split_errors(top, dh)
    else:
        parts = [dh]
    below = [np.zeros((T, B, t.layer.state_size), t.layer.dtype) for t in trace.traces]
    above = [t.layer.state_errors(t, part) for t, part in zip(directions(top), parts, strict=True)]
    return below[: len(below) - len(above)] + above


def backward_from(trace: StackTrace, errors: list[Array]) -> StackGrads:
    """Reverse mode from given errors ∂⁺E/∂state of every layer, each in its own order."""
    grads: list[Grads] = []
    number = len(errors)
    from_above: Array | None = None
    for level, mask in zip(reversed(trace.levels), reversed(trace.masks), strict=True):
        here = directions(level)
        number -= len(here)
        parts = [None] * len(here) if from_above is None else split_errors(level, from_above)
        below = []
        for part, t, d in zip(parts, here, errors[number : number + len(here)], strict=True):
            if part is not None:
                d = d.copy()
                d[..., : t.layer.hidden] += part
            below.append(t.layer.backward(t, d))
        from_above = join_inputs(level, [g.dx for g in below], mask)
        grads = below + grads
    assert from_above is not None
    return StackGrads(grads, from_above)
