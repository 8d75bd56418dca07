r"""A level of a stack: one layer, or one forward and one backward over the same inputs.

A ``Bidirectional`` level hands up both states side by side, [h; h′]. With lengths, the backward layer starts
at each sequence's own last step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array, as_kind
from bptt.errors import ShapeError
from bptt.kernels import OneHot, codes_of
from bptt.layers.layer import Layer
from bptt.layers.masks import Mask, masked_back
from bptt.layers.sequences import in_reverse, resets_in_reverse
from bptt.layers.trace import Trace


@dataclass(frozen=True, eq=False)
class BidirectionalTrace:
    """Both directions over one batch.

    Attributes:
        forward: of the forward layer.
        backward: of the backward layer, in its own order: its step 0 is a sequence's last.
    """

    forward: Trace
    backward: Trace

    @property
    def outputs(self) -> Array:
        """(T, B, 2H) both states of every step, in the order of the input."""
        other = in_reverse(self.backward.h[1:], self.backward.lengths)
        return np.concatenate([self.forward.h[1:], other], axis=2)


@dataclass(frozen=True, eq=False)
class Bidirectional:
    """One layer forward and one backward over the same inputs.

    Args:
        forward_layer: any layer.
        backward_layer: any layer with the same number of inputs.

    Raises:
        OptionError: if one is no layer.
        ShapeError: if their inputs differ in size.
        DTypeError: if their types differ.
    """

    forward_layer: Layer
    backward_layer: Layer

    def __post_init__(self) -> None:
        """Refuse layers that do not fit each other."""
        a, b = (
            as_kind(name, getattr(self, name), Layer, "a layer: RNN, LSTM or GRU", "Make one with bptt.RNN.init.")
            for name in ("forward_layer", "backward_layer")
        )  # fmt: skip
        if a.inputs != b.inputs or a.dtype != b.dtype:
            raise ShapeError(
                "backward_layer", f"{a.inputs} inputs of {a.dtype}", f"{b.inputs} of {b.dtype}",
                "Both directions read the same inputs.",
            )  # fmt: skip

    @property
    def layers(self) -> tuple[Layer, Layer]:
        """(forward, backward)."""
        return self.forward_layer, self.backward_layer

    @property
    def inputs(self) -> int:
        """I, the size of x_t."""
        return self.forward_layer.inputs

    @property
    def outputs(self) -> int:
        """Size of what is handed up: both states."""
        return self.forward_layer.hidden + self.backward_layer.hidden

    def copy(self) -> "Bidirectional":
        """The same with weights of its own."""
        return Bidirectional(self.forward_layer.copy(), self.backward_layer.copy())


Level = Layer | Bidirectional
LevelTrace = Trace | BidirectionalTrace


def level_layers(level: Level) -> tuple[Layer, ...]:
    """The one layer of a level, or both directions."""
    return level.layers if isinstance(level, Bidirectional) else (level,)


def level_size(level: Level) -> int:
    """How many numbers per step a level hands up."""
    return level.outputs if isinstance(level, Bidirectional) else level.hidden


def level_outputs(trace: LevelTrace) -> Array:
    """(T, B, ·) what a level hands up."""
    return trace.outputs if isinstance(trace, BidirectionalTrace) else trace.h[1:]


def directions(trace: LevelTrace) -> tuple[Trace, ...]:
    """The one trace of a level, or both directions."""
    return (trace.forward, trace.backward) if isinstance(trace, BidirectionalTrace) else (trace,)


def level_forward(
    level: Level,
    x: Array,
    given: list[tuple[Any, Any]],
    lengths: Array | None,
    resets: Array | None,
) -> LevelTrace:
    """A level over a sequence, from its layers' initial states ``given``, (h0, c0) each.

    Args:
        level: to run.
        x: (T, B, I) inputs.
        given: (h0, c0) per direction, each (B, H) or None.
        lengths: (B,) or None.
        resets: (T, B) or None.
    """
    if not isinstance(level, Bidirectional):
        return level.forward(x, *given[0], lengths=lengths, resets=resets)
    if (codes := codes_of(x)) is not None:
        other = in_reverse(codes[..., None], lengths)[..., 0]
        turned: Array = OneHot.of(other, x.shape[2], x.dtype)
    else:
        turned = np.ascontiguousarray(in_reverse(x, lengths))
    return BidirectionalTrace(
        level.forward_layer.forward(x, *given[0], lengths=lengths, resets=resets),
        level.backward_layer.forward(
            turned, *given[1], lengths=lengths, resets=resets_in_reverse(resets, lengths)
        ),
    )


def split_errors(level: LevelTrace, d: Array) -> list[Array]:
    """Errors (T, B, ·) at what a level hands up, one array per direction, each in its own order."""
    if not isinstance(level, BidirectionalTrace):
        return [d]
    H = level.forward.layer.hidden
    return [d[..., :H], in_reverse(d[..., H:], level.backward.lengths)]


def join_inputs(level: LevelTrace, dx: Sequence[Array], mask: Mask | None = None) -> Array:
    """Errors at what the level below hands up, from those of a level's directions, each in its own order.

    Args:
        level: that the errors leave.
        dx: (T, B, I) per direction, each in its own order.
        mask: what multiplied the level's inputs, or None.
    """
    joined = dx[0]
    if isinstance(level, BidirectionalTrace):
        joined = dx[0] + in_reverse(dx[1], level.backward.lengths)
    return masked_back(joined, mask)
