r"""The gradient by lag, lag-major (Q5 to Q7): hold the errors of all loss steps, walk back in lag.

Σ_k G_k = dW_R, for every layer of a stack. Walking in time instead would need one backward pass per loss
step. Each lag is a few large matrix products (``layer_walk``). Lag is the number of recurrent steps between
the loss and the weight: in a stack it is measured from the loss step through all layers (Q6), where both
directions mix it counts the steps in either.

Memory grows with the loss steps that are held at once. Where that is too much, the loss steps are taken in
chunks and their G_k added up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, overload

from bptt.arrays import Array, as_flag, as_number, as_whole
from bptt.errors import OptionError
from bptt.gradients.by_lag.between_levels import HANDED_DOWN
from bptt.gradients.by_lag.lag_profile import LagProfile
from bptt.gradients.by_lag.layer_alone import LayerAlone
from bptt.gradients.by_lag.layer_walk import LayerWalk
from bptt.gradients.by_lag.loss_steps import chunks_of, error_rows, one_way, stride_of
from bptt.gradients.by_lag.moves import Moves
from bptt.gradients.by_lag.rows import Rows, together
from bptt.gradients.by_lag.tally import Tally
from bptt.gradients.by_lag.total import whole
from bptt.layers.descent import descend
from bptt.layers.levels import directions
from bptt.layers.stack_errors import immediate_errors
from bptt.layers.stacked import StackTrace, as_stack_trace
from bptt.layers.trace import Trace


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
    max_lag = None if max_lag is None else as_whole("max_lag", max_lag, least=0)
    loss_chunk = None if loss_chunk is None else as_whole("loss_chunk", loss_chunk, least=1)
    walking = Walking(max_lag, as_flag("keep_matrices", keep_matrices), tolerance, loss_chunk)
    if isinstance(trace, Trace):
        return lags_of(as_stack_trace(trace), dh, walking)[0]
    return lags_of(trace, dh, walking)


@dataclass(frozen=True)
class Walking:
    """How far a walk goes, and what is kept of it.

    Attributes:
        max_lag: as for ``by_lag``.
        keep_matrices: as for ``by_lag``.
        tolerance: as for ``by_lag``.
        loss_chunk: as for ``by_lag``.
        least: the walk does not stop early before this lag.
        negligible: no G_k is formed that cannot be larger than this part of Σ‖G‖ so far, and it counts as zero; its
            signal goes on.
        by_sequence: whether norm and signal of each sequence are kept too.
        by_loss_step: whether the signal of each loss step is kept too.
        update: called with (signals carried back a step, of how many), or None.
    """

    max_lag: int | None = None
    keep_matrices: bool = False
    tolerance: float = 0.0
    loss_chunk: int | None = None
    least: int = 0
    negligible: float = 0.0
    by_sequence: bool = False
    by_loss_step: bool = True
    update: Callable[[int, int], None] | None = None


def lags_of(trace: StackTrace, dh: Any, walking: Walking) -> list[LagProfile]:
    """``by_lag`` of a stack, with all that a walk can be told.

    Args:
        trace: the stack's forward pass.
        dh: as for ``by_lag``.
        walking: how far it goes.
    """
    max_lag, loss_chunk = walking.max_lag, walking.loss_chunk
    errors = immediate_errors(trace, dh)
    _check(errors, walking.tolerance)
    stride = stride_of(trace, errors)
    every = [error_rows(t, d, stride) for t, d in zip(trace.traces, errors, strict=True)]
    del errors  # of long sequences every array counts
    chunks = chunks_of(trace, every, max_lag, loss_chunk)
    tallies = [
        Tally(
            [t], total, walking.keep_matrices, one_chunk=len(chunks) == 1,
            by_step=walking.by_loss_step and one_way(trace),
            negligible=walking.negligible, by_sequence=walking.by_sequence,
        )
        for t, total in zip(trace.traces, whole(trace, every), strict=True)
    ]  # fmt: skip
    moves = Moves(trace, dh)
    for number, tally in enumerate(tallies):
        tally.moves = partial(_of_layer, moves, number)
    if len(chunks) > 1:
        walking = replace(walking, tolerance=0.0)
    told = Told(walking, every)
    left_out: list[list[Rows]] = [[] for _ in every]
    for chunk in chunks:
        walks = walks_of(trace, chunk, max_lag)
        _walk(trace, walks, tallies, walking, told)
        for parts, walk in zip(left_out, walks, strict=True):
            if walk.rows is not None:
                parts.append(walk.rows)
    if any(left_out):
        del every, chunks, chunk, walks  # of long sequences every array counts
        rests = [together(left_out.pop(0)) for _ in tallies]
        for tally, rest in zip(tallies, whole(trace, rests), strict=True):
            tally.left_out = rest
    return [tally.profile() for tally in tallies]


def _of_layer(moves: Moves, number: int) -> float:
    return moves.log_norms[number]


def _walk(
    trace: StackTrace,
    walks: list[LayerWalk],
    tallies: list[Tally],
    walking: Walking,
    told: "Told",
) -> None:
    """Lag after lag through all layers, until nothing is left or enough is known.

    What stands in ``rows`` of a walk afterwards has not been counted.
    """
    max_lag, tolerance = walking.max_lag, walking.tolerance
    for k in count():
        if not any(walk.standing for walk in walks) or (max_lag is not None and k > max_lag):
            return
        told.of(walks)
        one_lag(trace, walks, tallies, k)
        if (
            tolerance
            and k >= walking.least
            and all(
                tally.rest_below(tolerance, walk.log_norm())
                for tally, walk in zip(tallies, walks, strict=True)
            )
        ):
            return


class Told:
    """Says how far a walk has come.

    Args:
        walking: to whom.
        every: per layer the errors that it starts from.
    """

    def __init__(self, walking: Walking, every: Sequence[Rows | None]) -> None:
        self.update, self.done = walking.update, 0
        steps = [
            step for rows in every if rows is not None for step in range(rows.last)[rows.steps]
        ]
        most = max(steps) if walking.max_lag is None else walking.max_lag
        self.total = sum(min(step, most) + 1 for step in steps)

    def of(self, walks: Sequence[LayerWalk]) -> None:
        """Count the signals that are carried back now."""
        if self.update is not None:
            self.done += sum(walk.standing for walk in walks)
            self.update(min(self.done, self.total), self.total)


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
        lag = walk.walk(
            number >= bottom, tallies[number].negligible_signal, tallies[number].keeps_sequences
        )
        if lag is not None:
            tallies[number].add(k, lag)
        return None, walk.handed_down

    at_inputs: Rows | None = descend(trace, [None] * len(walks), HANDED_DOWN, step)[1]
    return at_inputs


def walks_of(trace: StackTrace, chunk: list[Rows | None], max_lag: int | None) -> list[LayerWalk]:
    """A walk per layer, over the steps its signals can stand at."""
    T = len(trace.traces[0].x)
    first, last = 0, T
    if one_way(trace) and len(trace.traces) == len(trace.levels):
        last = max(rows.last for rows in chunk if rows is not None)
        if max_lag is not None:
            first = max(0, min(rows.first for rows in chunk if rows is not None) - max_lag - 1)
    kind = LayerAlone if len(trace.traces) == 1 else LayerWalk
    walks = [kind(t, first, last) for t in trace.traces]
    for walk, rows in zip(walks, chunk, strict=True):
        walk.receive(rows)
    return walks


def _check(errors: list[Array], tolerance: float) -> None:
    if not any(d.any() for d in errors):
        raise OptionError(
            "dh", "a loss that reaches this layer", "zeros everywhere",
            "Check that the loss depends on the layer's output.",
        )  # fmt: skip
    as_number("tolerance", tolerance, "[0, 1)", "0 computes every lag.")
