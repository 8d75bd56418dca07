"""Immediate gradients of a stack: zero but at the top, or one per layer as given."""

from typing import Any

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.errors import ShapeError
from bptt.layers.immediate import check_trace, state_errors
from bptt.layers.levels import BidirectionalTrace, directions, split_errors
from bptt.layers.stacked import StackTrace


def immediate_errors(trace: StackTrace, dh: Any) -> list[Array]:
    """∂⁺E/∂state of every layer, (T, B, S) each in its own order: zero but at the top, or as listed.

    Raises:
        ShapeError, DTypeError, NonFiniteError, OptionError: if dh does not fit the trace.
    """
    check_trace(trace, StackTrace)
    if isinstance(dh, list):
        if len(dh) != len(trace.traces):
            raise ShapeError(
                "dh", f"one array per layer, {len(trace.traces)}", str(len(dh)),
                "Bottom layer first; forward before backward.",
            )  # fmt: skip
        return [state_errors(t, d) for t, d in zip(trace.traces, dh, strict=True)]
    top = trace.levels[-1]
    T, B, _ = directions(top)[0].x.shape
    if isinstance(top, BidirectionalTrace):  # with one direction the layer itself checks
        dh = as_floats("dh", dh, (T, B, trace.stack.outputs), trace.stack.dtype)
        parts = split_errors(top, dh)
    else:
        parts = [dh]
    above = [state_errors(t, part) for t, part in zip(directions(top), parts, strict=True)]
    below = trace.traces[: -len(above)]
    return [np.zeros((T, B, t.layer.state_size), t.layer.dtype) for t in below] + above
