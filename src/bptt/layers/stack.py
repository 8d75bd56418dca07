r"""Layers on top of one another: a level's states are the next level's inputs."""

from typing import Any

import numpy as np

from bptt.arrays import Array, as_floats, as_kind
from bptt.errors import NonFiniteError, OptionError, ShapeError
from bptt.layers.backward import backward
from bptt.layers.descent import ARRAYS, descend
from bptt.layers.immediate import check_trace
from bptt.layers.inputs import as_inputs
from bptt.layers.levels import LevelTrace, level_forward, level_layers, level_outputs
from bptt.layers.masks import Mask, ProjectedMask, masked
from bptt.layers.sequences import as_lengths, as_resets
from bptt.layers.stack_errors import immediate_errors
from bptt.layers.stacked import Levels, StackGrads, StackTrace
from bptt.layers.trace import Grads, Trace


class Stack(Levels):
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
            x: (T, B, I) inputs, or (T, B) integers as for a layer.
            h0: one (B, H) initial state per layer, bottom first, forward before backward: a list, or an
                array (layers, B, H); zeros if not given. An entry may be None.
            c0: the same for the cell states of LSTM layers; None for the others.
            lengths: (B,) steps of each sequence of a padded batch.
            resets: (T, B) True where a new episode starts.
            masks: one per level, (T, B, ·), a ``ProjectedMask`` or None, to multiply the level's inputs with:
                the dropout between levels that a training step drew.

        Raises:
            ShapeError, DTypeError, NonFiniteError, OptionError: as for a layer.
        """
        x = as_inputs(x, self.inputs, self.dtype, lengths)
        T, B, _ = x.shape
        lengths, resets = as_lengths(lengths, T, B), as_resets(resets, T, B)
        h0s, c0s = (self._per_layer(name, value) for name, value in (("h0", h0), ("c0", c0)))
        levels: list[LevelTrace] = []
        number = 0
        masks = self._masks(masks, T, B)
        for turn, (level, mask) in enumerate(zip(self.levels, masks, strict=True)):
            n = len(level_layers(level))
            x = masked(x, mask)
            if mask is not None and not (finite := np.isfinite(x).all((1, 2))).all():
                raise NonFiniteError(
                    f"masks[{turn}]", f"inputs of its level within {x.dtype} behind it",
                    f"an overflow at step {int(np.argmin(finite))} of {T}", "Scale the level below it down.",
                )  # fmt: skip
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
            ShapeError, DTypeError, NonFiniteError, OptionError: as for a layer; if another stack made the trace.
        """
        check_trace(trace, StackTrace)
        if trace.stack is not self:
            raise OptionError(
                "trace", "one that this stack's forward made", "another stack's",
                "Call backward of the stack that made it, trace.stack.",
            )  # fmt: skip
        return backward_from(trace, immediate_errors(trace, dh))

    def _masks(self, masks: Any, T: int, B: int) -> tuple[Mask | None, ...]:
        if masks is None:
            return (None,) * len(self.levels)
        masks = _listed("masks", masks, len(self.levels), "array or None per level")
        sizes = [level_layers(level)[0].inputs for level in self.levels]
        return tuple(
            mask
            if mask is None or isinstance(mask, ProjectedMask)
            else as_floats(f"masks[{i}]", mask, (T, B, size), self.dtype)
            for i, (mask, size) in enumerate(zip(masks, sizes, strict=True))
        )

    def _per_layer(self, name: str, value: Any) -> list[Any]:
        count = len(self.layers)
        if value is None:
            return [None] * count
        return _listed(name, value, count, "state per layer")

    def __repr__(self) -> str:
        """The levels."""
        return f"Stack({list(self.levels)!r})"


def _listed(name: str, value: Any, count: int, what: str) -> list[Any]:
    """So many things, one per layer or level.

    Raises:
        OptionError: if it is no list of them.
        ShapeError: if there are more or fewer.
    """
    cure = "Bottom layer first; None where there is none."
    array = hasattr(value, "shape") and len(value.shape) > 0
    if not array:
        as_kind(name, value, (list, tuple), f"a list, one {what}", cure)
    if len(value) != count:
        raise ShapeError(name, f"one {what}, {count}", str(len(value)), cure)
    return list(value)


def backward_from(trace: StackTrace, errors: list[Array]) -> StackGrads:
    """Reverse mode from given errors ∂⁺E/∂state of every layer, each in its own order."""

    def step(number: int, t: Trace, d: Array) -> tuple[Grads, Array | None]:
        grads = backward(t, d)
        return grads, grads.dx

    return StackGrads(*descend(trace, errors, ARRAYS, step))
