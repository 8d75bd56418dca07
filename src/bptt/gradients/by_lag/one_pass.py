"""One backward pass of a layer over its steps, every row of errors with a scale of its own (Q13)."""

from collections.abc import Iterator
from dataclasses import dataclass

from bptt.gradients.by_lag.layer_walk import LayerWalk, Moved
from bptt.gradients.by_lag.rows import Rows
from bptt.layers.trace import Trace


@dataclass(frozen=True, eq=False)
class StepTaken:
    """A step that errors have taken back.

    Attributes:
        t: the step, counted from 0.
        moved: what became of them. Its arrays are written over two steps later.
        at_inputs: the errors at the layer's inputs, or None where nobody asked.
    """

    t: int
    moved: Moved
    at_inputs: Rows | None


def steps_back(trace: Trace, entering: Rows | None, hand_down: bool) -> Iterator[StepTaken]:
    """The steps from the last at which an error enters to the first of all.

    Args:
        trace: the layer's forward pass.
        entering: the errors of its states, one row for each step between the first and the last, or None.
        hand_down: whether the errors at the inputs are wanted.
    """
    T, carried = len(trace.x), None
    # In stretches, so that the derivatives of all steps are never held at once.
    for first in reversed(range(0, T, trace.stretch)):
        last = min(first + trace.stretch, T)
        walk: LayerWalk | None = None
        for t in reversed(range(first, last)):
            enters = entering is not None and entering.first <= t < entering.last
            if walk is None:
                if carried is None and not enters:
                    continue
                walk = LayerWalk(trace, first, t + 1, goes_on=True)
                walk.receive(carried)
            if entering is not None and enters:
                walk.receive(entering.part(t, t + 1))
            moved = walk.move(hand_down)
            assert moved is not None
            yield StepTaken(t, moved, walk.handed_down)
        carried = None if walk is None else walk.rows
