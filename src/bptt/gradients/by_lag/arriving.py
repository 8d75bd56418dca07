"""The error signal by lag alone: the walk back without the weight gradients, at a third of the price of ``by_lag``."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag.between_levels import HANDED_DOWN
from bptt.gradients.by_lag.layer_walk import LayerWalk
from bptt.gradients.by_lag.loss_steps import chunks_of, error_rows, stride_of
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.signal import Signal
from bptt.gradients.by_lag.tally import LN10, together
from bptt.gradients.by_lag.walk import walks_of
from bptt.layers.descent import descend
from bptt.layers.levels import directions
from bptt.layers.stack_errors import immediate_errors
from bptt.layers.stacked import StackTrace
from bptt.layers.trace import Trace


@dataclass(frozen=True, eq=False)
class SignalAlone(Signal):
    """The error signal of a layer by lag, and nothing else; see ``Signal``."""

    log10_signal: Array


@dataclass(eq=False)
class _Sum:
    """The signal of one layer at one lag, over chunks of loss steps: ln of its norm, and how many it is of."""

    signal: float = -np.inf
    count: int = 0


def signal_by_lag(trace: StackTrace, dh: Any, max_lag: int) -> list[SignalAlone]:
    """The error signal at each lag per layer, bottom first: ``log10_signal`` of ``by_lag``, bit for bit.

    Args:
        trace: the forward pass.
        dh: as for ``by_lag``.
        max_lag: the largest lag.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
    """
    errors = immediate_errors(trace, dh)
    stride = stride_of(trace, errors)
    every = [error_rows(t, d, stride) for t, d in zip(trace.traces, errors, strict=True)]
    sums: list[list[_Sum]] = [[] for _ in every]
    for chunk in chunks_of(trace, every, max_lag):
        walks = walks_of(trace, chunk, max_lag)
        for k in range(max_lag + 1):
            if all(walk.rows is None for walk in walks):
                break
            _one_lag(trace, walks, sums, k)
    return [SignalAlone(_log10(layer)) for layer in sums]


def _one_lag(trace: StackTrace, walks: list[LayerWalk], sums: list[list[_Sum]], k: int) -> None:
    """Measure the signals at one lag in all layers, and move them to the next."""
    bottom = len(directions(trace.levels[0]))

    def step(number: int, t: Trace, part: Rows | None) -> tuple[None, Rows | None]:
        walk = walks[number]
        walk.receive(part)
        moved = walk.move(hand_down=number >= bottom)
        if moved is not None:
            layer = sums[number]
            layer += [_Sum() for _ in range(k + 1 - len(layer))]  # a layer below can start late
            own = moved.signal.log_norm()
            layer[k].signal = together(layer[k].signal, own)
            layer[k].count += moved.count
        return None, walk.handed_down

    descend(trace, [None] * len(walks), HANDED_DOWN, step)


def _log10(layer: list[_Sum]) -> Array:
    """Root mean squares over the loss steps and sequences that a lag has; a layer that nothing reaches has lag 0, with none."""
    layer = layer or [_Sum()]
    counts = np.array([max(1, lag.count) for lag in layer])
    return np.asarray((np.array([lag.signal for lag in layer]) - 0.5 * np.log(counts)) / LN10)
