"""Immediate gradients at the door: ∂⁺E/∂state_t as given, checked against the trace it is for."""

from typing import Any

import numpy as np

from bptt.arrays import Array, as_array, as_floats, as_kind
from bptt.errors import OptionError
from bptt.layers.checkpoints import CheckpointedTrace
from bptt.layers.sequences import inside
from bptt.layers.trace import Trace, check_weights

TRACE, CURE = "a trace, from a layer's or a stack's forward", "Pass what forward returned."


def check_trace(trace: Any, kinds: type | tuple[type, ...]) -> None:
    """Refuse what is no trace; one with checkpoints says itself what it lacks.

    Raises:
        OptionError: if it is none.
    """
    if not isinstance(trace, CheckpointedTrace):
        as_kind("trace", trace, kinds, TRACE, CURE)


def checked_errors(
    trace: Trace | CheckpointedTrace, dh: Any, first: int = 0, last: int | None = None
) -> Array:
    """The immediate gradient of steps first .. last-1 as given, (·, B, H) or (·, B, S), checked.

    Args:
        trace: from a layer's ``forward``.
        dh: (last - first, B, H), or (·, B, S) where the loss sees the whole state.
        first: the first step.
        last: the step behind the last one; None is T.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
        OptionError: if the trace is none, dh is not zero behind a sequence's end, or the weights were changed in
            place since the forward pass.
    """
    check_trace(trace, Trace)
    check_weights(trace.weights, trace.fingerprint)
    T, B, _ = trace.x.shape
    H, S = trace.layer.hidden, trace.layer.state_size
    last = T if last is None else last
    typed = hasattr(dh, "dtype")
    given = as_array("dh", dh)
    whole = given.ndim == 3 and given.shape[2] == S
    d = as_floats("dh", given if typed else dh, (last - first, B, S if whole else H), trace.x.dtype)
    if trace.lengths is not None and d[~inside(trace.lengths, T)[first:last]].any():
        raise OptionError(
            "dh", "zeros behind the end of each sequence", "an error there",
            "No step belongs to it: put it at the sequence's last step.",
        )  # fmt: skip
    return d


def state_errors(trace: Trace, dh: Any) -> Array:
    """The immediate gradient on the whole state, (T, B, S), checked; zero on c if only h is given.

    Raises:
        ShapeError, DTypeError, NonFiniteError, OptionError: as ``checked_errors``.
    """
    given = checked_errors(trace, dh)
    S = trace.layer.state_size
    if given.shape[2] == S:
        return given
    d = np.zeros((*given.shape[:2], S), given.dtype)
    d[..., : trace.layer.hidden] = given
    return d
