r"""Truncated backpropagation through time, BPTT(k1, k2) (Williams & Peng 1990).

Every k1 steps the errors of the last k1 losses are carried back, at most k2 steps into the past. Each
loss is used once: a step's error is not counted again when a later block passes over it.

    k1 = 1, k2 = K     a window of K steps that slides with every loss: lags 0 .. K-1
    k1 = k2 = K        chunks of K steps, the state detached between them
"""

from typing import Any

import numpy as np

from bptt import kernels
from bptt.arrays import Array, as_whole
from bptt.errors import NonFiniteError
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
        NonFiniteError: if errors grow beyond the type on their way.
    """
    k1, k2 = as_whole("k1", k1, least=1), as_whole("k2", k2, least=1)
    offset = as_whole("offset", offset, least=0, most=k1 - 1)
    d = state_errors(trace, dh)
    T, dW_R, cell = len(d), np.zeros_like(trace.weights.W_R), trace.weights.cell
    # Over a power of two, so that large errors do not overflow on their way, only to meet a slope of zero.
    size = np.frexp(np.abs(d).max())[1] if d.size else 0
    d = np.ldexp(d, -size)
    # Blocks of k1 losses; the last one may be cut short, but starts its way back where it would have.
    for full_end in range(offset or k1, T + k1, k1):
        first, end = max(0, full_end - k1), min(full_end, T)
        if first >= T:
            break
        start = max(0, full_end - k2)
        if start >= end:  # with k2 < k1 a last block may be cut before anything is reached
            break
        errors = np.zeros_like(d[start:end])
        losses = slice(max(first, start), end)  # with k2 < k1 the earlier ones reach nothing
        errors[losses.start - start :] = d[losses]
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            dz_R, _, _ = kernels.backward(
                trace.weights, errors, *trace.part(start, end), trace.kept(start, end)
            )
            saved = trace.saved[start:end]
            dW_R += kernels.outer(*cell.recurrent_rows(dz_R, trace.before(start, end)[0], saved))
    with np.errstate(over="ignore"):
        dW_R = np.ldexp(dW_R, size)
    if not np.isfinite(dW_R).all():
        raise NonFiniteError(
            "dh", f"errors that stay within {d.dtype} on their way back", "an overflow",
            "Compute in float64, or lower k2.",
        )  # fmt: skip
    return dW_R
