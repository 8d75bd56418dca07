r"""Truncated backpropagation through time, BPTT(k1, k2) (Williams & Peng 1990).

Every k1 steps the errors of the last k1 losses are carried back, at most k2 steps into the past. Each
loss is used once: a step's error is not counted again when a later block passes over it.

    k1 = 1, k2 = K     a window of K steps that slides with every loss: lags 0 .. K-1
    k1 = k2 = K        chunks of K steps, the state detached between them
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import kernels
from bptt.arrays import Array, as_whole
from bptt.errors import NonFiniteError
from bptt.gradients.by_lag.one_pass import steps_back
from bptt.gradients.by_lag.rows import Rows
from bptt.gradients.by_lag.scaled import Scaled, states_normalised
from bptt.gradients.by_lag.total import part_of_step, trusted
from bptt.layers import Trace
from bptt.layers.immediate import state_errors


def truncated_bptt(trace: Trace, dh: Any, k1: int, k2: int, offset: int = 0) -> Array:
    """dW_R as truncated BPTT gives it, by really running it.

    Args:
        trace: from a layer's ``forward``.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t.
        k1: steps between two backward passes.
        k2: steps that each of them goes back, counted from its last loss.
        offset: length of the first block, where it differs from k1.

    Returns:
        (G·H, H).

    Raises:
        OptionError: if k1 or k2 is below 1, or the offset not in 0 .. k1-1.
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
        NonFiniteError: if the gradient is beyond the type.
    """
    k1, k2 = as_whole("k1", k1, least=1), as_whole("k2", k2, least=1)
    offset = as_whole("offset", offset, least=0, most=k1 - 1)
    d = state_errors(trace, dh)
    blocks = _blocks(len(d), k1, k2, offset)
    # Over a power of two, so that large errors do not overflow on their way, only to meet a slope of zero.
    size = int(np.frexp(np.abs(d).max())[1]) if d.size else 0
    d = np.ldexp(d, -size)
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # then the other way, where every row has its scale
        dW_R = _by_the_loops(trace, d, blocks)
    if not trusted(dW_R, trace):
        found = _scaled(trace, d, blocks)
        found.e += size
        dW_R, size = found.value(d.dtype), 0
    with np.errstate(over="ignore"):
        dW_R = np.ldexp(dW_R, size)
    if not np.isfinite(dW_R).all():
        raise NonFiniteError(
            "dh", f"errors whose gradient stays within {d.dtype}", "an overflow",
            "Compute in float64, or lower k2.",
        )  # fmt: skip
    return dW_R


@dataclass(frozen=True)
class _Block:
    """Steps start .. end-1 of one pass back; its losses are those from ``first`` on."""

    start: int
    first: int
    end: int


def _blocks(T: int, k1: int, k2: int, offset: int) -> list[_Block]:
    """Blocks of k1 losses; the last one may be cut short, but starts its way back where it would have."""
    blocks = []
    for full_end in range(offset or k1, T + k1, k1):
        first, end = max(0, full_end - k1), min(full_end, T)
        start = max(0, full_end - k2)
        if (
            first < T and start < end
        ):  # with k2 < k1 a last block may be cut before anything is reached
            # with k2 < k1 the earlier losses reach nothing
            blocks.append(_Block(start, max(first, start), end))
    return blocks


def _by_the_loops(trace: Trace, d: Array, blocks: list[_Block]) -> Array:
    dW_R, cell = np.zeros_like(trace.weights.W_R), trace.weights.cell
    for block in blocks:
        start, end = block.start, block.end
        errors = np.zeros_like(d[start:end])
        errors[block.first - start :] = d[block.first : end]
        kept = trace.kept(start, end)
        dz_R, _, _ = kernels.backward(trace.weights, errors, *trace.part(start, end), kept)
        h_prev, saved = trace.before(start, end)[0], trace.saved[start:end]
        dW_R += kernels.outer(*cell.recurrent_rows(dz_R, h_prev, saved))
    return dW_R


def _scaled(trace: Trace, d: Array, blocks: list[_Block]) -> Scaled:
    """The same step by step, every row of errors with a scale of its own (Q13)."""
    dW_R = Scaled.zeros(trace.weights.W_R.shape)
    h_prev, e_states = states_normalised(trace.before()[0])
    for block in blocks:
        own = d[block.first : block.end].copy()
        shape = own.shape[:2]
        entering = Rows.of(block.first, own, np.zeros(shape, np.int64), np.ones(shape, bool))
        for step in steps_back(trace, entering, hand_down=False):
            if step.t < block.start:
                break
            dW_R += part_of_step(trace, step, h_prev)
    dW_R.e += e_states
    return dW_R
