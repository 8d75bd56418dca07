r"""The gradient by lag, lag-major (Q5 to Q7): hold the errors of all loss steps, walk back in lag.

Σ_k G_k = dW_R, for every layer of a stack. Walking in time instead would need one backward pass per loss
step. Each lag is a few large matrix products (``layer_walk``). Lag is the number of recurrent steps between
the loss and the weight: in a stack it is measured from the loss step through all layers (Q6), where both
directions mix it counts the steps in either.

Memory grows with the loss steps that are held at once. Where that is too much, the loss steps are taken in
chunks and their G_k added up.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any, overload

import numpy as np

from bptt.arrays import Array, as_number, as_whole
from bptt.errors import OptionError
from bptt.gradients.by_lag.between_levels import HANDED_DOWN
from bptt.gradients.by_lag.layer_walk import LayerWalk
from bptt.gradients.by_lag.profile import LagProfile
from bptt.gradients.by_lag.rows import Rows, together
from bptt.gradients.by_lag.tally import Tally
from bptt.gradients.by_lag.total import whole
from bptt.layers.descent import descend
from bptt.layers.levels import BidirectionalTrace, directions
from bptt.layers.stack_errors import immediate_errors
from bptt.layers.stacked import StackTrace, as_stack_trace
from bptt.layers.trace import Trace

WORKING_MEMORY = 128e6  # bytes; above it, with a max_lag, the loss steps are taken in chunks


@overload
def by_lag(
    trace: Trace,
    dh: Any,
    max_lag: int | None = None,
    keep_matrices: bool = False,
    *,
    tolerance: float = 0.0,
    loss_chunk: int | None = None,
) -> LagProfile: ...


@overload
def by_lag(
    trace: StackTrace,
    dh: Any,
    max_lag: int | None = None,
    keep_matrices: bool = False,
    *,
    tolerance: float = 0.0,
    loss_chunk: int | None = None,
) -> list[LagProfile]: ...


def by_lag(
    trace: Trace | StackTrace,
    dh: Any,
    max_lag: int | None = None,
    keep_matrices: bool = False,
    *,
    tolerance: float = 0.0,
    loss_chunk: int | None = None,
) -> LagProfile | list[LagProfile]:
    r"""Split dW_R by how far back in time each part of it comes from.

    Args:
        trace: from ``layer.forward`` or ``stack.forward``.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t on the top layer's states: what the loss at step t sends
            straight to h_t. Not the total gradient: what comes back through h_{t+1} is this function's
            business. (T, B, 2H) for [h; c] of an LSTM whose loss sees the cell state too. For a stack
            also a list, as for ``Stack.backward``.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        keep_matrices: keep every G_k, (K, G·H, H).
        tolerance: stop early once the lags left out sum to less than this part of Σ‖G_k‖ and the
            signals that remain could not add more than that in one step; 0 computes every lag.
        loss_chunk: how many loss steps to hold at once; None holds all, or with ``max_lag`` about as many
            as fit into 128 MB. The lags are the same, every G_k is held until the last chunk, and
            ``tolerance`` stops nothing early.

    Returns:
        a ``LagProfile``; for a stack a list of them, one per layer as in ``stack.names``, bottom first.
        ``profile.residual`` says how well the lags, with what was left out, add up to the gradient of an
        ordinary backward pass. It is checked on every run.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
        OptionError: if dh is zero everywhere, or a number is out of range.
        ResidualError: if the lags do not add up to the gradient.

    >>> import numpy as np, bptt
    >>> layer = bptt.LSTM.init(3, 8, rng=0, dtype="float64")
    >>> trace = layer.forward(np.random.default_rng(1).standard_normal((20, 2, 3)))
    >>> profile = bptt.by_lag(trace, np.ones((20, 2, 8)))
    >>> len(profile.norm), bool(profile.residual < 1e-14)
    (20, True)
    """
    if isinstance(trace, Trace):
        single = as_stack_trace(trace)
        return _by_lag(single, dh, max_lag, keep_matrices, tolerance, loss_chunk)[0]
    return _by_lag(trace, dh, max_lag, keep_matrices, tolerance, loss_chunk)


def _by_lag(
    trace: StackTrace,
    dh: Any,
    max_lag: int | None,
    keep_matrices: bool,
    tolerance: float,
    loss_chunk: int | None,
) -> list[LagProfile]:
    max_lag = None if max_lag is None else as_whole("max_lag", max_lag, least=0)
    loss_chunk = None if loss_chunk is None else as_whole("loss_chunk", loss_chunk, least=1)
    errors = immediate_errors(trace, dh)
    _check(errors, tolerance)
    stride = _stride(trace, errors)
    every = [error_rows(t, d, stride) for t, d in zip(trace.traces, errors, strict=True)]
    del errors  # of long sequences every array counts
    loss_chunk = loss_chunk or _fitting_chunk(trace, max_lag)
    chunks = [every] if loss_chunk is None else list(_chunks(every, loss_chunk))
    tallies = [
        Tally([t], total, keep_matrices, one_chunk=len(chunks) == 1, by_step=one_way(trace))
        for t, total in zip(trace.traces, whole(trace, every), strict=True)
    ]
    left_out: list[list[Rows]] = [[] for _ in every]
    for chunk in chunks:
        walks = _walks(trace, chunk, max_lag)
        _walk(trace, walks, tallies, max_lag, tolerance if len(chunks) == 1 else 0.0)
        for parts, walk in zip(left_out, walks, strict=True):
            if walk.rows is not None:
                parts.append(walk.rows)
    if any(left_out):
        del every, chunks, chunk, walks  # of long sequences every array counts
        rests = [together(left_out.pop(0)) for _ in tallies]
        for tally, rest in zip(tallies, whole(trace, rests), strict=True):
            tally.left_out = rest
    return [tally.profile() for tally in tallies]


def _walk(
    trace: StackTrace,
    walks: list[LayerWalk],
    tallies: list[Tally],
    max_lag: int | None,
    tolerance: float,
) -> None:
    """Lag after lag through all layers, until nothing is left or enough is known.

    What stands in ``rows`` of a walk afterwards has not been counted.
    """
    for k in count():
        if all(walk.rows is None for walk in walks) or (max_lag is not None and k > max_lag):
            return
        one_lag(trace, walks, tallies, k)
        if tolerance and all(
            tally.rest_below(tolerance, walk.rows)
            for tally, walk in zip(tallies, walks, strict=True)
        ):
            return


def one_lag(
    trace: StackTrace,
    walks: list[LayerWalk],
    tallies: Sequence[Tally],
    k: int,
    to_inputs: bool = False,
) -> Rows | None:
    """Measure one lag in all layers, and move all signals to the next.

    Args:
        trace: the stack's forward pass.
        walks: of its layers.
        tallies: theirs.
        k: the lag.
        to_inputs: whether the errors at the stack's inputs are wanted.

    Returns:
        the errors at the stack's inputs, or None.
    """
    bottom = 0 if to_inputs else len(directions(trace.levels[0]))

    def step(number: int, t: Trace, part: Rows | None) -> tuple[None, Rows | None]:
        walk = walks[number]
        walk.receive(part)
        lag = walk.walk(hand_down=number >= bottom)
        if lag is not None:
            tallies[number].add(k, lag)
        return None, walk.handed_down

    at_inputs: Rows | None = descend(trace, [None] * len(walks), HANDED_DOWN, step)[1]
    return at_inputs


def one_way(trace: StackTrace) -> bool:
    """Whether a lag and a step name the loss step: nowhere do both directions follow one another."""
    return len(trace.levels) == 1 or not any(
        isinstance(level, BidirectionalTrace) for level in trace.levels
    )


def _stride(trace: StackTrace, errors: list[Array]) -> int:
    """The largest number of steps that lies between all loss steps: nothing is carried back in between."""
    if len(trace.traces) != len(trace.levels):  # the other direction counts from the other end
        return 1
    steps = np.flatnonzero(np.logical_or.reduce([d.any((1, 2)) for d in errors]))
    return int(np.gcd.reduce(np.diff(steps))) if len(steps) > 1 else 1


def error_rows(trace: Trace, d: Array, stride: int = 1) -> Rows | None:
    """The immediate errors of one layer, from the first loss step to the last, every ``stride`` steps."""
    reach: Array = np.asarray(d.any(-1))
    steps = np.flatnonzero(reach.any(1))
    if not len(steps):
        return None
    window = slice(int(steps[0]), int(steps[-1]) + 1, stride)
    e = np.zeros(reach[window].shape, np.int64)
    return Rows.of(window.start, d[window].copy(), e, reach[window], stride=stride)


def _chunks(every: list[Rows | None], size: int) -> Any:
    """The same errors, ``size`` steps at a time."""
    last = max(rows.last for rows in every if rows is not None)
    for first in range(0, last, size):
        part = [_part(rows, first, first + size) for rows in every]
        if any(rows is not None for rows in part):
            yield part


def _part(rows: Rows | None, first: int, last: int) -> Rows | None:
    if rows is None or not any(first <= step < last for step in range(*rows.steps.indices(last))):
        return None
    return rows.part(max(first, rows.first), min(last, rows.last))


def _walks(trace: StackTrace, chunk: list[Rows | None], max_lag: int | None) -> list[LayerWalk]:
    """A walk per layer, over the steps its signals can stand at."""
    T = len(trace.traces[0].x)
    first, last = 0, T
    if one_way(trace) and len(trace.traces) == len(trace.levels):
        last = max(rows.last for rows in chunk if rows is not None)
        if max_lag is not None:
            first = max(0, min(rows.first for rows in chunk if rows is not None) - max_lag - 1)
    walks = [LayerWalk(t, first, last) for t in trace.traces]
    for walk, rows in zip(walks, chunk, strict=True):
        walk.receive(rows)
    return walks


def _fitting_chunk(trace: StackTrace, max_lag: int | None) -> int | None:
    """How many loss steps fit into the working memory; None if all do, or nothing bounds the lags."""
    if max_lag is None:
        return None
    T, B, _ = trace.traces[0].x.shape
    per_step = sum(
        B * (4 * len(t.layer.W_R) + 4 * t.layer.state_size) * t.layer.dtype.itemsize
        for t in trace.traces
    )
    if T * per_step <= WORKING_MEMORY:
        return None
    return max(4 * max_lag, int(WORKING_MEMORY / per_step), 1)


def _check(errors: list[Array], tolerance: float) -> None:
    if not any(d.any() for d in errors):
        raise OptionError(
            "dh", "a loss that reaches this layer", "zeros everywhere",
            "Check that the loss depends on the layer's output.",
        )  # fmt: skip
    as_number("tolerance", tolerance, "[0, 1)", "0 computes every lag.")
