r"""Reverse mode through one layer: backpropagation through time (Werbos 1990).

    dz_t  = errors at what the weights multiply, by the loops of ``kernels``
    dW_R  = Σ_t dz_tᵀ h_{t-1}      dW_F = Σ_t dz_tᵀ x_t      db = Σ_t dz_t      dx_t = dz_t W_F

The weight gradients are one matrix product each, after the loop; of one-hot x_t dW_F is a sum over the rows of each symbol, and
nobody asks for dx. Where a gate scales h_{t-1}, it does so in dW_R too.
"""

from typing import Any

import numpy as np

from bptt import kernels
from bptt.layers.checkpoints import CheckpointedTrace
from bptt.layers.immediate import checked_errors
from bptt.layers.trace import Grads, Trace


def backward(trace: Trace | CheckpointedTrace, dh: Any) -> Grads:
    """The gradient of E by the weights, inputs and initial state of the layer that made the trace.

    Args:
        trace: from the layer's ``forward``.
        dh: as for ``Layer.backward``.

    Raises:
        ShapeError, DTypeError, NonFiniteError, OptionError: if dh does not fit the trace.
    """
    weights, T = trace.weights, len(trace.x)
    cell, H = weights.cell, weights.W_R.shape[1]
    d = None if callable(dh) else checked_errors(trace, dh)
    keep = None if trace.resets is None else ~trace.resets
    dW_F, dW_R, db = (np.zeros_like(p) for p in (weights.W_F, weights.W_R, weights.b))
    db_R, carried = np.zeros_like(db), None
    codes = kernels.codes_of(trace.x)
    dx = kernels.empty(trace.x.shape, trace.x.dtype) if codes is None else None
    # Long sequences in stretches, from the end: the errors of all steps are never held at once.
    for first in reversed(range(0, T, trace.stretch)):
        last = min(first + trace.stretch, T)
        kept = None if keep is None else keep[first:last]
        saved, states = trace.part(first, last)
        immediate = (
            checked_errors(trace, dh(first, states[0][1:]), first, last)
            if d is None
            else d[first:last]
        )
        dz_R, dz_F, carried = kernels.backward(weights, immediate, saved, states, kept, carried)
        if codes is not None:
            by_symbol = kernels.add_up(dz_F, codes[first:last], trace.x.shape[2])
            dW_F += by_symbol.T
            db += by_symbol.sum(0)
        else:
            kernels.outer(dz_F, trace.x[first:last], dW_F, db)
        kernels.outer(*cell.recurrent_rows(dz_R, kernels.before(states[0], kept), saved), dW_R)
        if cell.recurrent_biases:
            db_R += dz_R.sum((0, 1))
        if dx is not None:
            kernels.affine(dz_F, weights.W_F, out=dx[first:last])
    assert carried is not None
    return Grads(
        dW_F=dW_F,
        dW_R=dW_R,
        db=db,
        dx=dx,
        dh0=carried[:, :H],
        dc0=carried[:, H:] if "c" in cell.states else None,
        recurrent_biases={
            name: db_R[cell.block(gate, H)]
            for name, gate in zip(cell.bias_names, cell.recurrent_biases, strict=True)
        },
    )
