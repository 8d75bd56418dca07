"""The one walk down the levels of a stack, from the top to the bottom.

Errors come from the level above, are added to a level's own, and leave it at its inputs. Everything that goes
down, one backward pass or one lag, is this walk with another step for a single layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bptt.arrays import Array
from bptt.layers.levels import LevelTrace, directions, join_inputs, split_errors
from bptt.layers.masks import Mask
from bptt.layers.stacked import StackTrace
from bptt.layers.trace import Trace

E = TypeVar("E")  # errors
R = TypeVar("R")  # what is wanted of a layer


@dataclass(frozen=True)
class Algebra(Generic[E]):
    """How errors of one form are split, added and joined.

    Attributes:
        split: (level, errors at what it hands up) -> one per direction, each in its own order.
        add: (trace, a layer's own errors, those from above) -> errors of its states.
        join: (level, errors at its directions' inputs, mask) -> errors at what the level below hands up.
    """

    split: Callable[[LevelTrace, E], Sequence[E]]
    add: Callable[[Trace, Any, E], E]
    join: Callable[[LevelTrace, Sequence[Any], Mask | None], E]


def descend(
    trace: StackTrace,
    own: Sequence[Any],
    algebra: Algebra[E],
    step: Callable[[int, Trace, Any], tuple[R, Any]],
) -> tuple[list[R], Any]:
    """Walk down the levels.

    Args:
        trace: the stack's forward pass.
        own: each layer's own errors, bottom first, forward before backward.
        algebra: of the errors.
        step: takes (number, trace, errors of its states) of one layer; gives what is wanted of the layer, and
            the errors at its inputs, or None where nobody asks.

    Returns:
        what is wanted, a list in the order of ``own``; and the errors at the stack's inputs, or None.
    """
    results: list[R] = []
    number = len(own)
    from_above: Any = None
    for level, mask in zip(reversed(trace.levels), reversed(trace.masks), strict=True):
        traces = directions(level)
        number -= len(traces)
        errors = list(own[number : number + len(traces)])
        if from_above is not None:
            parts = algebra.split(level, from_above)
            errors = [algebra.add(*each) for each in zip(traces, errors, parts, strict=True)]
        steps = [
            step(number + i, t, d) for i, (t, d) in enumerate(zip(traces, errors, strict=True))
        ]
        results = [result for result, _ in steps] + results
        below = [at_inputs for _, at_inputs in steps]
        from_above = None if all(d is None for d in below) else algebra.join(level, below, mask)
    return results, from_above


def _add(trace: Trace, own: Array, part: Array) -> Array:
    """Errors (T, B, S) of the states, those of h from above added; ``own`` is left as it is."""
    errors = own.copy()
    errors[..., : trace.layer.hidden] += part
    return errors


ARRAYS: Algebra[Array] = Algebra(split_errors, _add, join_inputs)
