"""How well a gradient is known: how far it moves where every number that it is made of is off in its last place.

The bar of ``Tally`` knows what is lost where lags are added up. Errors that cancel before, in a product with W_R or on
their way to a level below, have lost digits by then. How many is measured where that bar is not kept, and only there:
the backward pass is made again with weights, slopes and states that are off at random (Vignes 1993).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.cells import Derivatives, Weights
from bptt.gradients.by_lag.loss_steps import error_rows
from bptt.gradients.by_lag.total import whole_scaled
from bptt.layers.levels import BidirectionalTrace, LevelTrace, directions
from bptt.layers.stack_errors import immediate_errors
from bptt.layers.stacked import StackTrace
from bptt.layers.trace import Trace

TIMES = 3


@dataclass(frozen=True, eq=False)
class _Off(Trace):
    """A trace whose derivatives are off in their last place."""

    derivatives: Derivatives = ()

    def linearised(self, first: int = 0, last: int | None = None) -> Derivatives:
        """Of steps first .. last-1."""
        return tuple(array[first:last] for array in self.derivatives)


class Moves:
    """How far dW_R of each layer moves; measured when it is asked for.

    Args:
        trace: the stack's forward pass.
        dh: as for ``by_lag``.
    """

    def __init__(self, trace: StackTrace, dh: Any) -> None:
        self.trace, self.dh = trace, dh

    @cached_property
    def log_norms(self) -> list[float]:
        """ln of the largest of some moves, per layer, bottom first."""
        pairs = zip(self.trace.traces, immediate_errors(self.trace, self.dh), strict=True)
        errors = [error_rows(t, d) for t, d in pairs]
        exact = whole_scaled(self.trace, errors)
        moved = [whole_scaled(_off(self.trace, seed), errors) for seed in range(TIMES)]
        return [
            max((other - own).log_norm() for other in others)
            for own, *others in zip(exact, *moved, strict=True)
        ]


def _off(trace: StackTrace, seed: int) -> StackTrace:
    rng = np.random.default_rng(seed)
    levels: list[LevelTrace] = []
    for level in trace.levels:
        parts = [_layer_off(t, rng) for t in directions(level)]
        levels.append(
            BidirectionalTrace(*parts) if isinstance(level, BidirectionalTrace) else parts[0]
        )
    return replace(trace, levels=tuple(levels))


def _layer_off(t: Trace, rng: np.random.Generator) -> Trace:
    def off(array: Array) -> Array:
        eps = np.finfo(array.dtype).eps
        signs = rng.integers(0, 2, array.shape, np.int8) * 2 - 1
        return np.asarray(array + array * (eps * signs).astype(array.dtype))

    weights: Weights = replace(t.weights, W_F=off(t.weights.W_F), W_R=off(t.weights.W_R))
    return _Off(
        t.layer, weights, weights.fingerprint(), t.x, t.saved, tuple(map(off, t.states)), t.lengths,
        t.resets, tuple(map(off, t.linearised())),
    )  # fmt: skip
